"""JSON lines on standard output: one line a request, one a noteworthy change. Never a prompt, an answer or a credential.

Lines are handed to a thread that writes them: whoever reads them may be slow, and must not make the router so. While it is, up to
`_MOST_LINES` wait; what comes on top is lost, and counted in a line of its own as soon as there is room.
"""

import atexit
import contextlib
import sys
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

import orjson

from router.idents import iso

_MOST_LINES: Final = 20_000
_SECONDS: Final = 0.05
_MOST_HEADS: Final = 256


class Log:
    """Writes lines of JSON. `out` is a binary stream that is written to at once; without one, standard output by a thread."""

    def __init__(self, out: BinaryIO | None = None, **always: Any) -> None:
        self._out = out
        self._always = always
        self._heads: dict[tuple[str, str], bytes] = {}
        self._lines: deque[bytes] = deque()
        self._lost = 0
        self._some, self._closing, self._writing = threading.Event(), threading.Event(), threading.Lock()
        if out is None:
            self._out = sys.stdout.buffer
            self._thread: threading.Thread | None = threading.Thread(target=self._run, name="log", daemon=True)
            self._thread.start()
            atexit.register(self.close)
        else:
            self._thread = None

    def write(self, level: str, message: str, **fields: Any) -> None:
        """One line. Callers pass the fields that may be read by operators, and nothing a caller of the API said in confidence."""
        self.line(level, message, fields)

    def line(self, level: str, message: str, fields: Mapping[str, Any]) -> None:
        """The same for who has the fields already."""
        head = self._heads.get((level, message))
        if head is None:
            if len(self._heads) >= _MOST_HEADS:
                self._heads.clear()
            head = self._heads[level, message] = orjson.dumps({"level": level, "message": message, **self._always})[1:-1]
        end = b",%b" % orjson.dumps(fields, str)[1:] if fields else b"}"
        line = b'{"timestamp":"%b",%b%b\n' % (iso().encode(), head, end)
        if len(self._lines) > _MOST_LINES:
            self._lost += 1
            return
        self._lines.append(line)
        if self._thread is None:
            self.flush()
        elif not self._some.is_set():
            self._some.set()

    def info(self, message: str, **fields: Any) -> None:
        """Something happened as it should."""
        self.write("INFO", message, **fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Something is wrong, and the router goes on without it."""
        self.write("WARNING", message, **fields)

    def flush(self) -> None:
        """Write what waits, now."""
        with self._writing:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if lines and self._out is not None:
                with contextlib.suppress(OSError, ValueError):  # nobody reads any more
                    self._out.write(b"".join(lines))
                    self._out.flush()
        if self._lost:
            lost, self._lost = self._lost, 0
            self.warning("log lines were lost: they were not read fast enough", lines=lost)

    def close(self) -> None:
        """Write what waits, and end."""
        self._closing.set()
        self._some.set()
        if self._thread is not None:
            self._thread.join(2.0)
        self.flush()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._some.wait()
            self._some.clear()
            self.flush()
            self._closing.wait(_SECONDS)
