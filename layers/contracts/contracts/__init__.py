"""Every message and every resource; one module per owning context."""
