"""Plumbing that every context uses; no business word in it."""
