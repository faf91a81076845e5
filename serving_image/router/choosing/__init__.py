"""Where a request goes: its version, the target of that version, and what happens to targets that fail."""
