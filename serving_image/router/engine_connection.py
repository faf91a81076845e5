"""A connection to an engine: one request at a time, its answer parsed by httptools and handed on in the pieces in which it came."""

import asyncio
from typing import Any, Final, Protocol, cast

import httptools
from multidict import CIMultiDict

from router.statuses import OK

_HIGH_WATER: Final = 2**18
_MOST_HEADER_BYTES: Final = 65_536


class AnswerBroken(ConnectionError):
    """The engine stopped in the middle of its answer, or did not keep to HTTP."""


class Answer:
    """An engine's answer: its head, and its body as it comes. `raw_headers` have lower-case names."""

    __slots__ = ("_connection", "_error", "_parts", "_size", "_waiter", "complete", "raw_headers", "status")

    def __init__(self, connection: "EngineConnection") -> None:
        self._connection: EngineConnection | None = connection
        self.status = 0
        self.raw_headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self.complete = False

    @property
    def headers(self) -> CIMultiDict[str]:
        """The headers by name, whatever its case."""
        return CIMultiDict((name.decode("latin-1"), value.decode("latin-1")) for name, value in self.raw_headers)

    def at_eof(self) -> bool:
        """Whether everything has been read."""
        return self.complete and not self._parts

    async def readany(self) -> bytes:
        """What has come since, at least a byte; nothing at the end. AnswerBroken, or TimeoutError after too long a silence."""
        while not self._parts:
            if self.complete:
                return b""
            if self._error is not None:
                raise self._error
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        parts = self._parts
        part = parts[0] if len(parts) == 1 else b"".join(parts)
        self._parts = []
        if self._size > _HIGH_WATER and self._connection is not None:
            self._connection.resume()
        self._size = 0
        return part

    async def read(self, most: int) -> bytes:
        """The whole body, `most` bytes of it."""
        body = b""
        while len(body) < most and (part := await self.readany()):
            body += part
        return body[:most]

    def release(self) -> None:
        """Done with it: the connection serves the next request if the answer has been received to its end."""
        if not self.complete:
            self.close()

    def close(self) -> None:
        """Done with it: an engine that still answers is hung up on, which makes it stop generating."""
        connection, self._connection = self._connection, None
        self._parts = []
        if connection is not None:
            connection.abandon(self)

    def add(self, part: bytes) -> bool:
        """A part of the body has come; False when whoever reads it does not keep up."""
        self._parts.append(part)
        self._size += len(part)
        self.wake()
        return self._size <= _HIGH_WATER

    def end(self, error: BaseException | None = None) -> None:
        """There is no more, or it broke; the connection is somebody else's from now on."""
        self._connection = None
        if error is None:
            self.complete = True
        else:
            self._error = error
        self.wake()

    def wake(self) -> None:
        """Something has changed for the reader."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


class Keeper(Protocol):
    """Keeps connections for later requests."""

    busy: "set[EngineConnection]"

    def done(self, origin: str, connection: "EngineConnection", *, keep: bool) -> None:
        """The connection has brought its answer."""
        ...

    def forget(self, origin: str, connection: "EngineConnection") -> None:
        """The connection is closed."""
        ...


class EngineConnection(asyncio.Protocol):
    """A connection to one origin, with one request at a time."""

    def __init__(self, client: Keeper, origin: str, loop: asyncio.AbstractEventLoop) -> None:
        self._client, self._origin, self._loop = client, origin, loop
        self.transport: asyncio.Transport | None = None
        self._parser: Any = httptools.HttpResponseParser(self)
        self._answer: Answer | None = None
        self._head: asyncio.Future[Answer] | None = None
        self._framed = self._held = False
        self._header_bytes = 0
        self.heard_at = loop.time()

    async def exchange(self, head: bytes, body: bytes) -> Answer:
        """Send a request; its answer, once the head is here."""
        transport = self.transport
        if transport is None or transport.is_closing():
            raise AnswerBroken("closed")
        answer = self._answer = Answer(self)
        head_here: asyncio.Future[Answer] = self._loop.create_future()
        self._head = head_here
        self._framed, self._header_bytes = False, 0
        self.heard_at = self._loop.time()
        self._client.busy.add(self)
        if len(body) < _MOST_HEADER_BYTES:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
        try:
            return await head_here
        except BaseException:
            self.abandon(answer)  # unless it is complete by now, and the connection somebody else's
            raise

    def rest(self) -> None:
        """Open, and waiting for a first request."""
        self._client.done(self._origin, self, keep=True)

    def hang_up(self, error: BaseException | None = None) -> None:
        """Close at once; whoever waits for the answer hears `error`."""
        self._client.forget(self._origin, self)
        transport, self.transport, self._parser = self.transport, None, None
        if transport is not None:
            transport.abort()
        self._break(error or AnswerBroken("closed"))

    def abandon(self, answer: Answer) -> None:
        """Nobody wants the rest of this answer."""
        if answer is self._answer:
            self.hang_up()

    def resume(self) -> None:
        """The reader has caught up."""
        if self._held and self.transport is not None:
            self._held = False
            self.transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio's. A body without a length ends so."""
        self._client.forget(self._origin, self)
        self.transport = self._parser = None
        answer = self._answer
        if answer is not None and answer.status and not self._framed and error is None:
            self._answer = None
            answer.end()
        else:
            self._break(AnswerBroken(type(error).__name__ if error else "closed"))

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        self.heard_at = self._loop.time()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self.transport is not None:
                self.hang_up(AnswerBroken(type(error).__name__))

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools'."""
        name = name.lower()
        self._header_bytes += len(name) + len(value)
        if self._answer is None or self._header_bytes > _MOST_HEADER_BYTES:
            raise ValueError("an answer that nobody asked for, or too large a head")
        if name in {b"content-length", b"transfer-encoding"}:
            self._framed = True
        self._answer.raw_headers.append((name, value))

    def on_headers_complete(self) -> None:
        """httptools'."""
        status = self._parser.get_status_code()
        if self._answer is None:
            raise ValueError("an answer that nobody asked for")
        if status < OK:  # it announces an answer, and is none
            self._answer.raw_headers.clear()
            return
        self._answer.status = status
        head, self._head = self._head, None
        if head is not None and not head.done():
            head.set_result(self._answer)

    def on_body(self, part: bytes) -> None:
        """httptools'."""
        if self._answer is not None and not self._answer.add(part) and not self._held and self.transport is not None:
            self._held = True
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        """httptools'. The connection is free for the next request, though its answer may not have been read."""
        answer = self._answer
        if answer is None or not answer.status:
            return
        self._answer = None
        answer.end()
        self.resume()
        self._client.done(self._origin, self, keep=bool(self._parser.should_keep_alive()))

    def _break(self, error: BaseException) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.end(error)
        head, self._head = self._head, None
        if head is not None and not head.done():
            head.set_exception(error)
