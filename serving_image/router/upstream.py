"""The way to our own engines: bytes in, bytes out, over connections that are kept open.

A client of its own, since any general one costs more than all the rest of a request: no redirects, cookies, proxies or encodings, only a
POST and its answer. What comes is parsed by httptools and handed on in the pieces in which it came.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from router.engine_connection import Answer, EngineConnection
from router.routes import Target

PASSED_ON: Final = ("x-request-id", "traceparent", "tracestate", "x-amzn-trace-id")
"""Request headers that go through to the engine; nothing else of the caller's does, its credential least of all."""

PASSED_BACK: Final = frozenset({"content-type", "content-length", "retry-after", "cache-control"})
"""Answer headers that go through to the caller; hop-by-hop ones never do."""

_CONNECT_SECONDS: Final = 2.0
_KEEP_ALIVE_SECONDS: Final = 15.0  # below the engines' own, so that we never send into a connection they are closing
_LOOK_SECONDS: Final = 1.0
_MOST_HEADS: Final = 4096


Connect = Callable[[asyncio.AbstractEventLoop, str], Awaitable[EngineConnection]]


class TargetUnreachable(Exception):
    """The target gave no answer. `reused` = the connection had been open and broke; the same target may be fine on a fresh one."""

    def __init__(self, reason: str, *, reused: bool = False, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reused, self.timed_out = reused, timed_out


class EngineClient:
    """HTTP to engines, with the engine key of this environment. An engine may be silent for `silence_seconds`, also in mid-answer.

    `connect` opens a connection to an origin, or raises TargetUnreachable; another one may stand for the network.
    """

    def __init__(self, api_key: str, silence_seconds: float) -> None:
        self._authorization = f"Bearer {api_key}"
        self._silence_seconds = silence_seconds
        self._idle: dict[str, list[EngineConnection]] = {}
        self._heads: dict[tuple[str, str], bytes] = {}
        self.busy: set[EngineConnection] = set()
        self.connect: Connect = self._connect
        self._loop: asyncio.AbstractEventLoop | None = None
        self._look: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._look_around()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._look is not None:
            self._look.cancel()
        self._loop = None
        for connection in [*self.busy, *(one for idle in self._idle.values() for one in idle)]:
            connection.hang_up()

    async def send(self, target: Target, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST `body` to the target and wait for the answer's head; TargetUnreachable when there is none. The caller closes the answer."""
        if self._loop is None:
            raise RuntimeError("the client is not open")
        head = self._head_of(target.origin, path, len(body), headers)
        idle = self._idle.get(target.origin)
        connection = idle.pop() if idle else await self.connect(self._loop, target.origin)
        try:
            return await connection.exchange(head, body)
        except TimeoutError as error:
            raise TargetUnreachable(type(error).__name__, timed_out=True) from error
        except OSError as error:
            for other in self._idle.pop(target.origin, ()):  # of the same age, and as good as this one was
                other.hang_up()
            raise TargetUnreachable(type(error).__name__, reused=True) from error

    async def warm(self, origins: Iterable[str]) -> int:
        """Open a connection to each of these, so that the first requests need not; how many there are. Who is not there is passed by."""
        loop = self._loop
        if loop is None:
            raise RuntimeError("the client is not open")
        opened = await asyncio.gather(*(self.connect(loop, origin) for origin in origins), return_exceptions=True)
        connections = [one for one in opened if isinstance(one, EngineConnection)]
        for connection in connections:
            connection.rest()
        return len(connections)

    def done(self, origin: str, connection: EngineConnection, *, keep: bool) -> None:
        """The connection has brought its answer."""
        self.busy.discard(connection)
        if keep and self._loop is not None:
            self._idle.setdefault(origin, []).append(connection)
        else:
            connection.hang_up()

    def forget(self, origin: str, connection: EngineConnection) -> None:
        """The connection is closed."""
        self.busy.discard(connection)
        idle = self._idle.get(origin)
        if idle is not None and connection in idle:
            idle.remove(connection)

    async def _connect(self, loop: asyncio.AbstractEventLoop, origin: str) -> EngineConnection:
        place = urlsplit(origin)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, connection = await loop.create_connection(
                    lambda: EngineConnection(self, origin, loop), place.hostname or "", place.port or 80
                )
        except OSError as error:  # TimeoutError is one
            raise TargetUnreachable(type(error).__name__) from error
        return connection

    def _head_of(self, origin: str, path: str, size: int, headers: Mapping[str, str]) -> bytes:
        """The request's head. ValueError for a header or a path that would be more than one line."""
        fixed = self._heads.get((origin, path))
        if fixed is None:
            if not path.isascii() or not path.isprintable() or " " in path:
                raise ValueError("a path of other characters than URLs have")
            if len(self._heads) >= _MOST_HEADS:
                self._heads.clear()
            host = origin.partition("://")[2]
            lines = f"POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: {self._authorization}\r\naccept-encoding: identity\r\n"
            fixed = self._heads[origin, path] = lines.encode("latin-1")
        own = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if own.count("\n") != len(headers):
            raise ValueError("a header holds a line break")
        kind = "" if "Content-Type" in headers else "content-type: application/json\r\n"
        return b"%b%bcontent-length: %d\r\n\r\n" % (fixed, f"{kind}{own}".encode("latin-1"), size)

    def _look_around(self) -> None:
        """Give up engines that have been silent for too long, and close what has not been used for some time."""
        if self._loop is None:
            return
        now = self._loop.time()
        for connection in [one for one in self.busy if now - one.heard_at > self._silence_seconds]:
            connection.hang_up(TimeoutError("the engine is silent"))
        for idle in list(self._idle.values()):
            for connection in [one for one in idle if now - one.heard_at > _KEEP_ALIVE_SECONDS]:
                with contextlib.suppress(ValueError):
                    connection.hang_up()
        self._idle = {origin: idle for origin, idle in self._idle.items() if idle}
        self._look = self._loop.call_later(min(_LOOK_SECONDS, self._silence_seconds / 4), self._look_around)
