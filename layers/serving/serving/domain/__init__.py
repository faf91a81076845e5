"""Types and rules; standard library only."""
