"""One use case per function, under the same name."""
