"""The last good tables on disk, so that a router can start while the control plane is dead."""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

import orjson

_SCHEMA = "slipway.router-state/1"


class StateDirectory:
    """Small JSON files, each replaced as a whole and readable by the router alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(self, name: str, content: dict[str, Any]) -> None:
        """Replace `name` with `content`; OSError when the disk does not let us. A crash leaves the old file or the new one."""
        self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=self._path)  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(orjson.dumps({"schema": _SCHEMA, **content}))
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self._path / f"{name}.json")
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise

    def load(self, name: str) -> dict[str, Any] | None:
        """The content saved last; None if there is none that can be read."""
        try:
            content = orjson.loads((self._path / f"{name}.json").read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return None
        return content if isinstance(content, dict) and content.get("schema") == _SCHEMA else None
