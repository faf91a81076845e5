"""As much of S3 as a download uses, on loopback: GetObject with ranges, and answers that go wrong on demand."""

import re
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

_BUCKET = "artifacts"


class S3Stub:
    """A path-style S3 endpoint over a dict of keys. `faults` spoil one answer each: "cut" ends it half-way, a number is an HTTP status."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.faults: deque[str] = deque()
        self.requests: list[tuple[str, str | None]] = []
        self.owners: set[str | None] = set()
        self.arrived = threading.Event()
        """Set once a request has come."""
        self.gate = threading.Event()
        """Answers wait for it; open unless a test closes it."""
        self.gate.set()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                stub.answer(self)

            def log_message(self, *arguments: Any) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.uri = f"s3://{_BUCKET}/models/m/1.0.0/"

    def put(self, files: dict[str, bytes]) -> None:
        """Store files below the prefix."""
        self.objects = {f"/{_BUCKET}/models/m/1.0.0/{path}": content for path, content in files.items()}

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one GetObject."""
        wanted = handler.headers.get("Range")
        self.requests.append((handler.path, wanted))
        self.owners.add(handler.headers.get("x-amz-expected-bucket-owner"))
        self.arrived.set()
        self.gate.wait()
        content = self.objects.get(handler.path.partition("?")[0])
        if content is None:
            return self._error(handler, 404, "NoSuchKey")
        fault = self.faults.popleft() if self.faults and not handler.path.endswith("manifest.json") else ""
        if fault.isdigit():
            return self._error(handler, int(fault), {"403": "AccessDenied", "503": "SlowDown"}[fault])
        start, end = (int(text) for text in re.findall(r"\d+", wanted)) if wanted else (0, len(content) - 1)
        piece = content[start : end + 1]
        handler.send_response(206 if wanted else 200)
        handler.send_header("Content-Length", str(len(piece)))
        handler.send_header("ETag", '"etag"')
        if wanted:
            handler.send_header("Content-Range", f"bytes {start}-{start + len(piece) - 1}/{len(content)}")
        handler.end_headers()
        handler.wfile.write(piece[: len(piece) // 2] if fault == "cut" else piece)
        if fault == "cut":
            handler.close_connection = True
        return None

    def _error(self, handler: BaseHTTPRequestHandler, status: int, code: str) -> None:
        body = f"<Error><Code>{code}</Code><Message>as told</Message></Error>".encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("Content-Type", "application/xml")
        handler.end_headers()
        handler.wfile.write(body)
