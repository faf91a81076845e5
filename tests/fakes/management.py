"""A management API that answers as it is told: behind a transport for unit tests, behind a port for functional ones."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

OPERATION_ID = "01KAHV5X3V8Q4T1N6F2R7C9B0D"


@dataclass(frozen=True)
class Asked:
    """A request as it came: header names in lower case, the body decoded."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Told:
    """An answer: status, JSON body (or text as it is), headers."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """The body's bytes."""
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


Script = Told | Exception | Callable[[Asked], Told]


class FakeManagement:
    """Answers each (method, path) with the scripts given for it, one after the other, the last one for ever. Remembers every request."""

    def __init__(self, scripts: Mapping[str, list[Script]] | None = None) -> None:
        self.scripts = {name: list(answers) for name, answers in (scripts or {}).items()}
        self.asked: list[Asked] = []
        self._lock = threading.Lock()

    def on(self, name: str, *answers: Script) -> "FakeManagement":
        """Answer `GET /models` (say) so from now on."""
        self.scripts[name] = list(answers)
        return self

    def answer(self, asked: Asked) -> Told:
        """The next answer; 404 as a problem document where nothing was scripted."""
        with self._lock:
            self.asked.append(asked)
            answers = self.scripts.get(f"{asked.method} {asked.path}", [problem(404, "model-not-found", "no such thing")])
            script = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(script, Exception):
            raise script
        return script if isinstance(script, Told) else script(asked)

    def transport(self) -> httpx.MockTransport:
        """For a client in this process."""

        def handle(request: httpx.Request) -> httpx.Response:
            told = self.answer(
                Asked(
                    request.method,
                    request.url.raw_path.decode().partition("?")[0],
                    dict(request.url.params),
                    dict(request.headers),
                    json.loads(request.content) if request.content else None,
                )
            )
            return httpx.Response(told.status, content=told.encoded(), headers=dict(told.headers))

        return httpx.MockTransport(handle)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Behind a free port of this machine; the address."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                parts, length = urlsplit(self.path), int(self.headers.get("Content-Length") or 0)
                content = self.rfile.read(length)
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = json.loads(content) if content else None
                told = fake.answer(Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body))
                data = told.encoded()
                self.send_response(told.status)
                for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **told.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - the standard library's names

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def problem(status: int, code: str, detail: str, **more: Any) -> Told:
    """A problem document."""
    body = {"type": f"urn:slipway:problem:{code}", "title": code, "status": status, "detail": detail, "code": code, "instance": "request-1"}
    return Told(status, body | more, {"Content-Type": "application/problem+json", "X-Request-Id": "request-1"})


def accepted(model_id: str = "parrot", status: str = "Pending") -> Told:
    """A command's answer."""
    return Told(202, {"operation_id": OPERATION_ID, "model_id": model_id, "status": status, "links": {}})


def operation(status: str, *, kind: str = "create", phase: str = "", progress: float | None = None, reason: Any = None) -> Told:
    """An operation as it is read."""
    ended = "2026-01-01T00:00:12.000Z" if status in {"Succeeded", "Failed", "Superseded", "Cancelled"} else None
    return Told(
        200,
        {
            "operation_id": OPERATION_ID, "model_id": "parrot", "kind": kind, "status": status, "reason": reason, "phase": phase,
            "progress": progress, "created_by": "token:abcdefghijklmn23", "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": "2026-01-01T00:00:12.000Z", "ended_at": ended, "links": {},
        },
    )  # fmt: skip


def model(model_id: str = "parrot", **more: Any) -> dict[str, Any]:
    """A model as it is read."""
    return {
        "model_id": model_id, "hosting": "hosted", "task": "chat", "version": "1.0.0", "description": "Says what you say",
        "allowed_groups": ["research"],
        "tags": {"team": "ml"}, "engine": {"kind": "mock", "image": None, "arguments": {"tokens_per_second": 40.0}},
        "artifact": {"uri": "s3://weights/parrot/1.0.0/", "manifest_sha256": "0" * 64},
        "capacity": {"min": 0, "max": 2, "desired": 1, "running": 1}, "status": "InService",
        "conditions": [{"type": "RouteOpen", "status": "True", "reason": "Open", "message": "", "since": "2026-01-01T00:00:10.000Z"}],
        "generation": 3, "observed_generation": 3, "failure": None, "operation": None, "created_by": "oidc:ada",
        "created_at": "2026-01-01T00:00:00.000Z", "updated_by": "oidc:ada", "updated_at": "2026-01-01T00:00:10.000Z", "links": {},
    } | more  # fmt: skip


def event(revision: int, event_type: str = "ModelRequested", **more: Any) -> dict[str, Any]:
    """An entry of a timeline."""
    return {
        "revision": revision, "event_id": f"01KAHV5X3V8Q4T1N6F2R7C9B{revision:02d}", "event_type": event_type,
        "occurred_at": "2026-01-01T00:00:00.000Z",
        "actor": "oidc:ada", "correlation_id": OPERATION_ID, "causation_id": None,
        "data": {}, "before": None, "after": {"status": "Creating"},
    } | more  # fmt: skip


def page(*items: dict[str, Any], next_token: str | None = None) -> Told:
    """A page of a list."""
    return Told(200, {"items": list(items), "next_token": next_token})
