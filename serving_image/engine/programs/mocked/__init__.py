"""What the mock engine says, in the words of each API."""
