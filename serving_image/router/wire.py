"""HTTP from callers: one connection, its requests one after another, each handed to the ASGI application in a task of its own.

uvicorn listens, counts connections and stops; this stands in for its own protocol, which costs twice as much a request.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, cast
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from router.conversation import STATUS_LINES, Conversation

_MOST_HEADER_BYTES: Final = 65_536
_log = logging.getLogger("uvicorn.error")
Application = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]


def _parts(url: bytes) -> tuple[bytes, bytes]:
    """Path and query of a request's address, as it stands there; of a whole one (which proxies are sent) too."""
    if url.startswith(b"/") and b"#" not in url and not url.startswith(b"//"):
        path, _, query = url.partition(b"?")
        return path, query
    parsed = httptools.parse_url(url)
    return parsed.path or b"/", parsed.query or b""


class Connection(asyncio.Protocol):
    """A caller's connection, as uvicorn wants one: made with its configuration and state, known in `connections`, told to shut down."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # noqa: ARG002 - uvicorn's way to make one
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._app: Application = cast("Application", config.loaded_app)
        self._loop = _loop or asyncio.get_event_loop()
        self._state, self._idle_seconds = server_state, config.timeout_keep_alive
        self._parser: Any = httptools.HttpRequestParser(self)
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)  # what follows a last request is passed over, not answered
        self._transport: asyncio.Transport | None = None
        self._current: Conversation | None = None
        self._waiting: deque[Conversation] = deque()
        self._reading: Conversation | None = None
        self._is_held = False
        self.drained: asyncio.Future[None] | None = None
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._header_bytes = 0
        self._expects = False
        self._idle_at = self._loop.time()
        self._idle_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast("asyncio.Transport", transport)
        self._state.connections.add(self)  # type: ignore[arg-type]  # uvicorn names its own protocols there; it calls `shutdown` alone
        self._idle_timer = self._loop.call_later(self._idle_seconds, self._look_idle)

    def connection_lost(self, _error: Exception | None) -> None:
        """asyncio's."""
        self._state.connections.discard(self)
        self._transport = None
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self.resume_writing()
        current, self._current = self._current, None
        self._waiting.clear()
        if current is not None:
            current.leave()
        self._parser = None  # it holds us

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        self._idle_at = self._loop.time()
        try:
            while data and self._parser is not None:
                try:
                    self._parser.feed_data(data)
                    return
                except httptools.HttpParserUpgrade as upgrade:  # nothing to which we would change: the request is answered as it is
                    data = data[upgrade.args[0] :]
        except httptools.HttpParserError:
            self._refuse(400, b"The request is not HTTP.")

    def on_message_begin(self) -> None:
        """httptools'."""
        self._url, self._headers, self._header_bytes, self._expects = b"", [], 0, False

    def on_url(self, part: bytes) -> None:
        """httptools'."""
        self._url += part
        self._count(len(part))

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools'."""
        name = name.lower()
        self._headers.append((name, value))
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _MOST_HEADER_BYTES:
            self._count(0)
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects = True

    def on_headers_complete(self) -> None:
        """httptools'. The request begins to be answered; the rest of what came with its head is parsed before that."""
        parser = self._parser
        if self._transport is None or self._transport.is_closing():
            return
        raw_path, query = _parts(self._url)
        path = raw_path.decode("ascii", "replace")
        version: str = parser.get_http_version()
        scope: dict[str, Any] = {
            "type": "http",
            "http_version": version,
            "method": parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": self._headers,
            "scheme": "http",
        }
        conversation = Conversation(self, scope, expects=self._expects, version_1_0=version == "1.0")
        scope["conversation"] = conversation
        conversation.close_after = conversation.close_after or not parser.should_keep_alive()
        self._reading = conversation
        if self._current is None:
            self._begin(conversation)
        else:
            self._waiting.append(conversation)
            self.hold_reading()

    def on_body(self, part: bytes) -> None:
        """httptools'."""
        if self._reading is not None:
            self._reading.add(part)

    def on_message_complete(self) -> None:
        """httptools'."""
        if self._reading is not None:
            self._reading.complete = True
            self._reading.wake()
            self._reading = None

    def pause_writing(self) -> None:
        """asyncio's: the caller does not keep up."""
        if self.drained is None:
            self.drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """asyncio's."""
        drained, self.drained = self.drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def hold_reading(self) -> None:
        """Let the caller wait with what it sends."""
        if not self._is_held and self._transport is not None:
            self._is_held = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        if self._is_held and self._transport is not None and not self._waiting:
            self._is_held = False
            self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """To the caller."""
        if self._transport is not None:
            self._transport.write(data)

    def date(self) -> bytes:
        """The lines of the headers that every answer has: the date, which uvicorn makes once a second."""
        return b"".join([b"%b: %b\r\n" % header for header in self._state.default_headers])

    def answered(self, conversation: Conversation) -> None:
        """An answer has ended: the next request's turn, or rest."""
        self._state.total_requests += 1
        self._current = None
        self._idle_at = self._loop.time()
        if self._transport is None:
            return
        if conversation.close_after:
            self._transport.close()
        elif self._waiting:
            self._begin(self._waiting.popleft())
        self.resume_reading()

    def shutdown(self) -> None:
        """uvicorn's: no further request."""
        if self._current is None:
            if self._transport is not None:
                self._transport.close()
        else:
            self._current.close_after = True

    def _begin(self, conversation: Conversation) -> None:
        self._current = conversation
        task = self._loop.create_task(self._run(conversation))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    async def _run(self, conversation: Conversation) -> None:
        try:
            await self._app(conversation.scope, conversation.receive, conversation.send)
        except ConnectionAbortedError:  # the application's way to cut an answer short
            pass
        except Exception as error:  # noqa: BLE001 - the application answers for its own faults; this is the last door
            _log.error("the application failed: %s", type(error).__name__)
        finally:
            conversation.scope.pop("conversation", None)  # a circle, which the garbage collector would have to find
            if not conversation.ended and self._transport is not None:
                self._transport.close()

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > _MOST_HEADER_BYTES:
            self._refuse(431, b"The headers are too large.")

    def _refuse(self, status: int, words: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._current is None:
            self._transport.write(
                b"%bcontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
                % (STATUS_LINES[status], len(words), words)
            )
        self._transport.close()

    def _look_idle(self) -> None:
        left = self._idle_at + self._idle_seconds - self._loop.time()
        if self._current is not None:
            left = self._idle_seconds
        if left <= 0 and self._transport is not None:
            self._transport.close()
        elif self._transport is not None:
            self._idle_timer = self._loop.call_later(left, self._look_idle)
