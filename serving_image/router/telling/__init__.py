"""What the router tells of each request: its usage, read as the answer goes by, recorded on disk, and sent in batches."""
