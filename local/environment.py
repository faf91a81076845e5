"""`.local/env`: what a shell or a test needs to reach the platform, as KEY=value lines. It holds tokens, so only its owner may read it."""

import os
from pathlib import Path

OWNER_ONLY = 0o600


def read(path: Path) -> dict[str, str]:
    """The values written last; empty when there is no file."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def write(path: Path, values: dict[str, str]) -> None:
    """Replace the file in one step; it never exists with other permissions than its owner's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    partial.replace(path)
