"""JSON lines on standard output: one line a request, one a noteworthy change. Never a prompt, an answer or a credential."""

import sys
from typing import Any, BinaryIO

import orjson

from router.idents import iso


class Log:
    """Writes lines of JSON. `out` is a binary stream; standard output by default."""

    def __init__(self, out: BinaryIO | None = None, **always: Any) -> None:
        self._out = out or sys.stdout.buffer
        self._always = always

    def write(self, level: str, message: str, **fields: Any) -> None:
        """One line. Callers pass the fields that may be read by operators, and nothing a caller of the API said in confidence."""
        line = {"timestamp": iso(), "level": level, "message": message, **self._always, **fields}
        self._out.write(orjson.dumps(line, default=str) + b"\n")
        self._out.flush()

    def info(self, message: str, **fields: Any) -> None:
        """Something happened as it should."""
        self.write("INFO", message, **fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Something is wrong, and the router goes on without it."""
        self.write("WARNING", message, **fields)
