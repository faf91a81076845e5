"""Every command: a thin layer over the one client."""
