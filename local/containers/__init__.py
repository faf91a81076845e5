"""A small Docker Engine API whose containers are local processes."""
