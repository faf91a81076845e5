"""The wish for each model and what became of it."""
