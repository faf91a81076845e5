"""One request of a caller's connection and its answer, as ASGI has it and by a shorter way.

What there is beyond ASGI: a body that is here already is taken at once, an answer is written without a message for each part, and whoever
answers is called when the caller leaves, so that no task has to wait for that beside the work.
"""

import asyncio
import http
from collections.abc import Callable, MutableMapping
from typing import Any, Final, Protocol

_HIGH_WATER: Final = 65_536
STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in http.HTTPStatus}
_BODILESS: Final = (204, 304)
_TAKEN: Final[list[bytes]] = []  # in the place of a body that was handed over


def nobody() -> None:
    """Who is called when a caller leaves about whom nobody asked."""


class Line(Protocol):
    """The connection to the caller. `drained` is there, to be waited for, while the caller does not keep up."""

    drained: asyncio.Future[None] | None

    def write(self, data: bytes) -> None:
        """To the caller."""
        ...

    def hold_reading(self) -> None:
        """Let the caller wait with what it sends."""
        ...

    def resume_reading(self) -> None:
        """Go on reading."""
        ...

    def date(self) -> bytes:
        """The lines of the headers that every answer has."""
        ...

    def answered(self, conversation: "Conversation") -> None:
        """An answer has ended."""
        ...


class Conversation:
    """One request and its answer on the wire. `on_gone` is called once if the caller leaves before the answer has ended."""

    __slots__ = (
        "_body", "_chunked", "_expects", "_head", "_left", "_size", "_waiter", "close_after", "complete", "connection", "ended", "gone",
        "is_head", "on_gone", "scope", "started", "version_1_0",
    )  # fmt: skip

    def __init__(self, connection: Line, scope: MutableMapping[str, Any], *, expects: bool, version_1_0: bool) -> None:
        self.connection, self.scope = connection, scope
        self._body: list[bytes] = []
        self._size = 0
        self._expects = expects
        self._waiter: asyncio.Future[None] | None = None
        self._chunked = False
        self._head = b""
        self._left = 0
        self.version_1_0, self.close_after = version_1_0, version_1_0
        self.is_head = scope["method"] == "HEAD"
        self.complete = self.started = self.ended = self.gone = False
        self.on_gone: Callable[[], None] = nobody

    def take(self) -> bytes | None:
        """The whole body if it is here and nothing of it was taken yet, else None: then `receive` brings it part by part."""
        if not self.complete or self._body is _TAKEN:
            return None
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body, self._size = _TAKEN, 0
        return body

    def add(self, part: bytes) -> None:
        """A part of the body has come."""
        if self.ended:
            return
        self._body.append(part)
        self._size += len(part)
        if self._size > _HIGH_WATER:
            self.connection.hold_reading()
        self.wake()

    def wake(self) -> None:
        """Something has changed for who waits in `receive`."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> MutableMapping[str, Any]:
        """ASGI's receive."""
        if self._expects and not self.complete and not self.gone:
            self.connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._expects = False
        while not (self.gone or self.ended or (self._body is not _TAKEN and (self._body or self.complete))):
            self.connection.resume_reading()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self.gone or self.ended:
            return {"type": "http.disconnect"}
        part = b"".join(self._body)
        self._size, self._body = 0, _TAKEN if self.complete else []
        return {"type": "http.request", "body": part, "more_body": not self.complete}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """ASGI's send."""
        if message["type"] == "http.response.start":
            self.begin(message["status"], message.get("headers", ()))
        else:
            await self.write(message.get("body", b""), more=message.get("more_body", False))

    def begin(self, status: int, headers: Any) -> None:
        """The head, which goes out with the first part of the body: in a write of its own it took an eighth more processor a small request.
        A length in `headers` is kept to; without one the body goes out in chunks."""
        if self.gone:
            return
        if self.started:
            raise RuntimeError("the answer has begun already")
        length = None
        lines = []
        for name, value in headers:
            if name == b"content-length":
                length = int(value)
            elif name == b"connection" and b"close" in value.lower():
                self.close_after = True
                continue
            lines.append(b"%b: %b\r\n" % (name, value))
        bodiless = status in _BODILESS or self.is_head
        if length is None and not bodiless:
            self._chunked = not self.version_1_0
            self.close_after = self.close_after or self.version_1_0
            if self._chunked:
                lines.append(b"transfer-encoding: chunked\r\n")
        if self.close_after:
            lines.append(b"connection: close\r\n")
        block = b"".join(lines)
        if block.count(b"\n") != len(lines):
            raise RuntimeError("a header holds a line break")
        self._left = -1 if length is None or bodiless else length
        self.started = True
        self._head = b"%b%b%b\r\n" % (STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status, self.connection.date(), block)

    async def write(self, body: bytes, *, more: bool) -> None:
        """Write a part of the body, an empty one too, and the head before the first; waits while the caller does not keep up. Nothing is
        written to a caller who has left."""
        connection = self.connection
        if connection.drained is not None and not self.gone:
            await connection.drained
        if self.gone:
            return
        if not self.started or self.ended:
            raise RuntimeError("a body goes between a head and its end")
        if self._left >= 0:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("the body is not of the length that its head says")
        if data := self._framed(body, more=more):
            connection.write(data)
        if not more:
            self.ended = True
            self.wake()
            connection.answered(self)

    def _framed(self, body: bytes, *, more: bool) -> bytes:
        """A part as it goes out: as a chunk where there are chunks, their end behind the last, behind the head if it is the first."""
        if self.is_head:
            body = b""
        if self._chunked:
            if body:
                body = b"%x\r\n%b\r\n" % (len(body), body)
            if not more:
                body += b"0\r\n\r\n"
        if self._head:
            body, self._head = self._head + body, b""
        return body

    def leave(self) -> None:
        """The caller has gone."""
        if not self.ended and not self.gone:
            self.gone = True
            self.wake()
            self.on_gone()
