"""What an X-Ray daemon would send on, kept in a file: one JSON document a line, segments and subsegments."""

import json
import logging
import socket
import threading
from pathlib import Path
from typing import Any

log = logging.getLogger("slipway.traces")
DATAGRAM_BYTES = 65_535
FILE_BYTES = 20_000_000


class TraceFile:
    """Takes documents from threads and from the wire; a full file becomes `<name>.1`, in place of the one before."""

    def __init__(self, path: Path, limit_bytes: int = FILE_BYTES) -> None:
        self._path, self._limit, self._lock = path, limit_bytes, threading.Lock()

    def write(self, document: dict[str, Any]) -> None:
        """Append one document; a disk that takes none costs the document and no more."""
        line = json.dumps(document, separators=(",", ":")) + "\n"
        try:
            with self._lock:
                if self._path.exists() and self._path.stat().st_size + len(line) > self._limit:
                    self._path.replace(self._path.with_suffix(f"{self._path.suffix}.1"))
                with self._path.open("a") as file:
                    file.write(line)
        except OSError as error:
            log.warning("a trace was not kept: %s", error)

    def take(self, datagram: bytes) -> None:
        """A datagram of the daemon's protocol: a header line, then the document."""
        _, _, body = datagram.partition(b"\n")
        try:
            document = json.loads(body)
        except ValueError:
            log.warning("not a trace: %r", datagram[:200])
            return
        if isinstance(document, dict):
            self.write(document)

    def listen(self, host: str, port: int) -> None:
        """Take datagrams for ever, on a thread of its own; raises OSError when the port is taken."""
        wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        wire.bind((host, port))

        def run() -> None:
            while True:
                self.take(wire.recv(DATAGRAM_BYTES))

        threading.Thread(target=run, daemon=True, name="traces").start()
