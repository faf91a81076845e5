"""One request and its answer: the ASGI conversation, its clock, and the ways in which it can be ended from outside."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from router import live_problems
from router.choosing.asked import NOTHING
from router.conversation import Conversation, nobody
from router.errors import ApiError, error_event
from router.idents import ulid
from router.statuses import OK, UNAUTHORIZED
from router.surface import dialects
from router.telling.usage import Usage

if TYPE_CHECKING:
    from router.telling.teller import Telling
    from router.telling.tracing import Trace

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_JSON: Final = (b"content-type", b"application/json")
EVENT_STREAM: Final = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"))
"""The headers of server-sent events."""


class ClientGone(Exception):
    """The caller left before the whole request had arrived."""


class Exchange:
    """A request under way. Times in seconds of the performance counter; `status` 0 until the head is sent.

    `asked`: where it wants to go; `deadline`: seconds from its arrival to the last byte, at most; `asked_at`: when it was sent on to its
    target; `held_seconds`: how long it waited for its model before that; `flow` sees what is answered while it is; `trace`: its place in a
    trace that is sampled. `usage` and `outcome` are known once the answer's end goes out.
    """

    __slots__ = (
        "asked", "asked_at", "bytes_in", "bytes_out", "cut", "deadline", "extra_headers", "finished", "first_byte_at", "flow", "gone",
        "headers", "held_seconds", "method", "model", "outcome", "path", "receive", "request_id", "send", "started_at", "status", "stream",
        "subject", "target", "task", "token_id", "trace", "usage", "version", "wire",
    )  # fmt: skip

    def __init__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.receive, self.send = receive, send
        self.wire: Conversation | None = scope.get("conversation")  # our own server's way, without a message for each step
        self.started_at = time.perf_counter()
        self.first_byte_at: float | None = None
        self.asked_at: float | None = None
        self.held_seconds = 0.0
        self.asked = NOTHING
        self.deadline: float | None = None
        self.flow: Telling | None = None
        self.usage: Usage | None = None
        self.trace: Trace | None = None
        self.outcome = ""
        self.status = self.bytes_in = self.bytes_out = 0
        self.cut = self.gone = self.finished = self.stream = False
        self.model = self.version = self.target = ""
        self.token_id: str | None = None
        self.subject = ""
        self.task: asyncio.Task[Any] | None = None
        given = self.headers.get(b"x-request-id")
        self.request_id: str = given.decode() if given is not None and _REQUEST_ID.fullmatch(given) else ulid()
        self.extra_headers: list[tuple[bytes, bytes]] = [(b"x-request-id", self.request_id.encode())]

    def header(self, name: bytes) -> str | None:
        """A request header (lower-case name) as text."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    async def body(self, limit: int, seconds: float) -> bytes:
        """The request's body; ApiError 413 beyond `limit` bytes, 408 if it takes longer than `seconds`; ClientGone."""
        declared = self.headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        whole = None if self.wire is None else self.wire.take()
        if whole is not None:
            if len(whole) > limit:
                raise _too_large(limit)
            self.bytes_in = len(whole)
            return whole
        try:
            async with asyncio.timeout(seconds):
                body = await self._read_all(limit)
        except TimeoutError:
            raise ApiError(408, "body_too_slow", "The body did not arrive in time.") from None
        self.bytes_in = len(body)
        return body

    async def _read_all(self, limit: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part: bytes = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            if not message.get("more_body"):
                return part if not parts else b"".join((*parts, part))
            parts.append(part)

    def notice_leaving(self) -> Callable[[], object]:
        """From now on, once the body has been read, the work ends when the caller leaves; answers what undoes that."""
        if self.wire is None:
            return asyncio.create_task(self.watch()).cancel
        self.wire.on_gone = self._left
        if self.wire.gone:
            self._left()
        return self._stay

    def _left(self) -> None:
        if self.finished:
            return
        self.gone = True
        if self.task is not None:
            self.task.cancel()

    def _stay(self) -> None:
        if self.wire is not None:
            self.wire.on_gone = nobody

    async def watch(self) -> None:
        """Wait for the caller to leave, then end the work. Run beside it, once the body has been read."""
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self._left()

    def end(self) -> None:
        """Cut the exchange: its token was revoked."""
        self.cut = True
        if self.task is not None:
            self.task.cancel()

    def forget(self) -> None:
        """It is over and recorded. What refers to each other in a circle lets go, so that nothing of it waits for the garbage collector."""
        self.task = self.wire = self.flow = None
        self.asked = NOTHING

    def ask(self) -> None:
        """The request is sent on now."""
        self.asked_at = time.perf_counter()

    def elapsed(self) -> float:
        """Seconds since the request arrived."""
        return time.perf_counter() - self.started_at

    async def start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Send the head, with the first part of the body."""
        self.status = status
        if self.wire is not None:
            self.wire.begin(status, (*headers, *self.extra_headers))
            return
        await self.send({"type": "http.response.start", "status": status, "headers": [*headers, *self.extra_headers]})

    async def write(self, chunk: bytes, *, more: bool) -> None:
        """Send a part of the body."""
        if self.first_byte_at is None:
            self.first_byte_at = time.perf_counter()
        self.finished = not more
        if self.flow is not None:
            chunk = self.flow.take(chunk, more=more)
            if more and not chunk and self.bytes_out:
                return
        self.bytes_out += len(chunk)
        if self.wire is not None:
            await self.wire.write(chunk, more=more)
            return
        await self.send({"type": "http.response.body", "body": chunk, "more_body": more})

    async def respond(self, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
        """Send a whole answer, JSON unless the headers say otherwise."""
        kind = () if any(name == b"content-type" for name, _ in headers) else (_JSON,)
        await self.start(status, [*kind, (b"content-length", str(len(body)).encode()), *headers])
        await self.write(body, more=False)

    async def comment(self, text: str) -> None:
        """Say something beside the answer, as a comment in a stream, which begins with it if it has not yet; clients pass over it."""
        if self.status == 0:
            await self.start(OK, EVENT_STREAM)
        line = f": {text}\n\n".encode()
        self.bytes_out += len(line)
        await self.send({"type": "http.response.body", "body": line, "more_body": True})

    async def fail(self, error: ApiError) -> None:
        """Tell the caller, in the words of the API that was asked: as an answer, or as the last event of a stream that has begun."""
        retry = () if error.retry_after is None else ((b"retry-after", str(error.retry_after).encode()),)
        challenge = ((b"www-authenticate", b"Bearer"),) if error.status == UNAUTHORIZED else ()
        if self.status == 0:
            if self.path.startswith(live_problems.PREFIX):
                kind, body = (b"content-type", live_problems.CONTENT_TYPE), live_problems.body(error, self.request_id)
            else:
                kind, body = _JSON, dialects.body(error, self.path, self.request_id)
            await self.respond(error.status, body, kind, *retry, *challenge, *error.headers)
        elif self.stream:
            await self.write(self._last_event(error), more=False)
        else:
            raise ConnectionAbortedError(error.status)  # the body is cut short; only a broken connection says so

    def _last_event(self, error: ApiError) -> bytes:
        if self.path.startswith(live_problems.PREFIX):
            return error_event(live_problems.body(error, self.request_id))
        return dialects.event(error, self.path, self.request_id)


def _too_large(limit: int) -> ApiError:
    return ApiError(413, "body_too_large", f"The body is larger than {limit} bytes.")
