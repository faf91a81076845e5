"""The model's files: found in the image, in the host's cache or in S3, and verified before any engine sees them."""
