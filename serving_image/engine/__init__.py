"""The supervisor of one inference engine: owns the container's port, fetches weights, starts the engine, and tells the truth about it."""
