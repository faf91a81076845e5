"""HTTP from callers, over a transport that keeps what is written to it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from uvicorn.server import ServerState

from router.wire import Connection
from tests.unit.router.limiting import in_loop

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]
_LENGTH = (b"content-length", b"5")
_GET = b"GET /v1/models HTTP/1.1\r\nhost: router\r\n\r\n"
_POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: router\r\n"


class _Transport:
    """What asyncio would write to a socket, one entry a write."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = self.held = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.held = True

    def resume_reading(self) -> None:
        self.held = False

    @property
    def text(self) -> bytes:
        return b"".join(self.writes)


class _Caller:
    """A caller of an application."""

    def __init__(self, application: Application) -> None:
        self.state, self.transport = ServerState(), _Transport()
        self.state.default_headers = [(b"date", b"today")]
        config = SimpleNamespace(loaded_app=application, timeout_keep_alive=60)
        self.connection = Connection(cast("Any", config), self.state, {})
        self.connection.connection_made(cast("Any", self.transport))

    async def says(self, *pieces: bytes) -> None:
        """Send, and let everything happen that then does."""
        for piece in pieces:
            self.connection.data_received(piece)
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)

    def leaves(self) -> None:
        self.connection.connection_lost(None)


def _answering(*parts: bytes, headers: tuple[tuple[bytes, bytes], ...] = (), status: int = 200) -> Application:
    async def application(_scope: Scope, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for place, part in enumerate(parts):
            await send({"type": "http.response.body", "body": part, "more_body": place + 1 < len(parts)})

    return application


async def _echo(scope: Scope, receive: Any, send: Any) -> None:
    """Answers with path and body."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    said = scope["raw_path"] + b"?" + scope["query_string"] + b" " + body
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]})
    await send({"type": "http.response.body", "body": said})


class _Waiting:
    """Answers once it is told to; remembers whether its caller left."""

    def __init__(self) -> None:
        self.may, self.left = asyncio.Event(), False

    async def __call__(self, scope: Scope, _receive: Any, send: Any) -> None:
        def gone() -> None:
            self.left = True

        scope["conversation"].on_gone = gone
        await self.may.wait()
        await _answering(b"whole", headers=(_LENGTH,))(scope, _receive, send)


@in_loop
async def test_head_and_body_of_an_answer_are_one_write() -> None:
    """Each write is a system call, a packet, and a caller who wakes."""
    caller = _Caller(_answering(b"whole", headers=(_LENGTH,)))
    await caller.says(_GET)
    assert caller.transport.writes == [b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 5\r\n\r\nwhole"]
    assert not caller.transport.closed


@in_loop
async def test_a_stream_begins_and_ends_with_its_parts() -> None:
    """Neither head nor end goes out alone."""
    caller = _Caller(_answering(b"one", b"two", b"three"))
    await caller.says(_GET)
    head = b"HTTP/1.1 200 OK\r\ndate: today\r\ntransfer-encoding: chunked\r\n\r\n"
    assert caller.transport.writes == [head + b"3\r\none\r\n", b"3\r\ntwo\r\n", b"5\r\nthree\r\n0\r\n\r\n"]


@in_loop
async def test_an_empty_first_part_sends_the_head() -> None:
    """So whoever has nothing to say yet can show that the answer has begun."""
    caller = _Caller(_answering(b"", b"late", b""))
    await caller.says(_GET)
    first, second, third = caller.transport.writes
    assert first.endswith(b"\r\n\r\n")
    assert (second, third) == (b"4\r\nlate\r\n", b"0\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
@in_loop
async def test_an_answer_without_a_body_has_a_head_alone(status: int) -> None:
    """No length is told of what cannot be there."""
    caller = _Caller(_answering(b"", status=status))
    await caller.says(_GET)
    [head] = caller.transport.writes
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"transfer-encoding" not in head


@in_loop
async def test_head_is_answered_without_the_body_that_get_would_have() -> None:
    """Its length is told all the same."""
    caller = _Caller(_answering(b"whole", headers=(_LENGTH,)))
    await caller.says(_GET.replace(b"GET", b"HEAD"))
    assert caller.transport.text.endswith(b"content-length: 5\r\n\r\n")


@in_loop
async def test_callers_of_http_1_0_get_no_chunks_and_a_closed_connection() -> None:
    """They do not know chunks: the end of the connection is the end of the answer."""
    caller = _Caller(_answering(b"one", b"two"))
    await caller.says(b"GET / HTTP/1.0\r\n\r\n")
    assert b"chunked" not in caller.transport.text
    assert caller.transport.text.endswith(b"connection: close\r\n\r\nonetwo")
    assert caller.transport.closed


@pytest.mark.parametrize("headers", [(_LENGTH, (b"connection", b"close")), (_LENGTH,)], ids=["the answer wants it", "the caller wants it"])
@in_loop
async def test_a_connection_is_closed_behind_an_answer_that_says_so(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """Whoever wants it, it is said once."""
    caller = _Caller(_answering(b"whole", headers=headers))
    await caller.says(_GET if len(headers) > 1 else _GET.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
    assert caller.transport.text.count(b"connection: close\r\n") == 1
    assert caller.transport.closed


@in_loop
async def test_requests_sent_ahead_are_answered_one_after_another() -> None:
    """In their order, though they came in one piece."""
    caller = _Caller(_echo)
    await caller.says(
        b"".join(_POST.replace(b"/v1/chat/completions", b"/%d" % number) + b"content-length: 1\r\n\r\n%d" % number for number in range(5))
    )
    for _ in range(20):
        await asyncio.sleep(0)
    assert [part[:4] for part in caller.transport.text.split(b"\r\n\r\n")[1:]] == [b"/%d? " % number for number in range(5)]
    assert not caller.transport.held


@in_loop
async def test_a_caller_who_sends_ahead_is_read_no_further() -> None:
    """So that nobody fills our memory with requests that wait."""
    waiting = _Waiting()
    caller = _Caller(waiting)
    await caller.says(_GET, _GET)
    assert caller.transport.held
    waiting.may.set()
    await caller.says()
    assert not caller.transport.held
    assert caller.transport.text.count(b"HTTP/1.1 200 OK") == 2


@in_loop
async def test_a_body_may_come_in_any_pieces() -> None:
    """Byte by byte, here."""
    caller = _Caller(_echo)
    whole = _POST + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    await caller.says(*(whole[place : place + 1] for place in range(len(whole))))
    assert caller.transport.text.endswith(b"/v1/chat/completions? abcde")


@in_loop
async def test_who_waits_for_a_word_before_the_body_gets_it() -> None:
    """At once, and not with the answer."""
    caller = _Caller(_echo)
    await caller.says(_POST + b"content-length: 3\r\nexpect: 100-continue\r\n\r\n")
    assert caller.transport.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    await caller.says(b"abc")
    assert caller.transport.text.endswith(b" abc")


@in_loop
async def test_nothing_is_written_to_a_caller_who_has_left() -> None:
    """And who answers is told that they left."""
    waiting = _Waiting()
    caller = _Caller(waiting)
    await caller.says(_GET)
    caller.leaves()
    assert waiting.left
    waiting.may.set()
    await caller.says()
    assert caller.transport.writes == []
    assert not caller.state.connections


@in_loop
async def test_an_answer_waits_for_a_caller_who_does_not_keep_up() -> None:
    """Until what was written has gone out."""
    caller = _Caller(_answering(b"one", b"two", headers=((b"content-length", b"6"),)))
    caller.connection.pause_writing()
    await caller.says(_GET)
    assert caller.transport.writes == []
    caller.connection.resume_writing()
    await caller.says()
    assert caller.transport.text.endswith(b"\r\n\r\nonetwo")


@pytest.mark.parametrize(
    ("parts", "headers"),
    [
        ((b"longer than that",), (_LENGTH,)),
        ((b"less",), (_LENGTH,)),
        ((b"whole",), ((b"x-name", b"value\r\nset-cookie: a=b"), _LENGTH)),
    ],
    ids=["longer than its head says", "shorter", "a header with a line break"],
)
@in_loop
async def test_an_answer_that_would_confuse_callers_is_cut(parts: tuple[bytes, ...], headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """Nothing of it is sent, and the connection is closed: a caller would take the rest for another answer."""
    caller = _Caller(_answering(*parts, headers=headers))
    await caller.says(_GET)
    assert caller.transport.writes == []
    assert caller.transport.closed


@in_loop
async def test_an_application_that_fails_in_mid_answer_breaks_the_connection() -> None:
    """A caller must be able to tell a broken answer from a whole one."""

    async def failing(_scope: Scope, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        raise ConnectionAbortedError

    caller = _Caller(failing)
    await caller.says(_GET)
    assert caller.transport.text.endswith(b"3\r\none\r\n")
    assert caller.transport.closed


@in_loop
async def test_a_stop_lets_what_is_under_way_end() -> None:
    """And closes at once what is idle."""
    waiting = _Waiting()
    busy, idle = _Caller(waiting), _Caller(waiting)
    await busy.says(_GET)
    busy.connection.shutdown()
    idle.connection.shutdown()
    assert idle.transport.closed
    assert not busy.transport.closed
    waiting.may.set()
    await busy.says()
    assert busy.transport.text.endswith(b"connection: close\r\n\r\nwhole")
    assert busy.transport.closed


@pytest.mark.parametrize(
    "address", [b"/a%20b?c=%20d", b"http://elsewhere/a%20b?c=%20d"], ids=["path alone", "whole, as proxies are sent it"]
)
@in_loop
async def test_path_and_query_are_told_as_they_stand_there(address: bytes) -> None:
    """Nothing is decoded on the way."""
    caller = _Caller(_echo)
    await caller.says(b"GET " + address + b" HTTP/1.1\r\nhost: router\r\n\r\n")
    assert caller.transport.text.endswith(b"/a%20b?c=%20d ")


def _smuggling() -> Iterator[tuple[str, bytes]]:
    """Requests whose end a balancer before us might see elsewhere than we do (RFC 9112 §6.3 and §11.2)."""
    second = b"GET /smuggled HTTP/1.1\r\nhost: router\r\n\r\n"
    chunks = b"0\r\n\r\n" + second
    yield "length and chunks", _POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n" + chunks
    yield "two lengths", _POST + b"content-length: 0\r\ncontent-length: 5\r\n\r\n" + second
    yield "lengths in a list", _POST + b"content-length: 0, 5\r\n\r\n" + second
    yield "a signed length", _POST + b"content-length: +5\r\n\r\n" + second
    yield "a negative length", _POST + b"content-length: -5\r\n\r\n" + second
    yield "a length in hex", _POST + b"content-length: 0x5\r\n\r\n" + second
    yield "a length beyond 64 bits", _POST + b"content-length: 18446744073709551621\r\n\r\n" + second
    yield "a space before the colon", _POST + b"content-length : 5\r\n\r\n" + second
    yield "chunks, then something else", _POST + b"transfer-encoding: chunked, identity\r\n\r\n" + chunks
    yield "something like chunks", _POST + b"transfer-encoding: xchunked\r\n\r\n" + chunks
    yield "a chunk's size in no digits", _POST + b"transfer-encoding: chunked\r\n\r\nxyz\r\n" + second
    yield "a chunk's size with a sign", _POST + b"transfer-encoding: chunked\r\n\r\n-1\r\n" + second
    yield "a chunk without its line's end", _POST + b"transfer-encoding: chunked\r\n\r\n1\r\naX" + second
    yield "a folded header", _POST + b"x: 1\r\n content-length: 5\r\n\r\n" + second
    yield "a bare carriage return", _POST + b"x: 1\rcontent-length: 5\r\n\r\n" + second
    yield "a name with a NUL", _POST + b"content\x00-length: 5\r\n\r\n" + second
    yield "an unknown version", b"GET / HTTP/3.7\r\nhost: router\r\n\r\n" + second


@pytest.mark.parametrize("request_", [pytest.param(sent, id=name) for name, sent in _smuggling()])
@in_loop
async def test_a_request_whose_end_is_in_doubt_ends_its_connection(request_: bytes) -> None:
    """What follows it is not taken for a request."""
    caller = _Caller(_echo)
    await caller.says(request_)
    for _ in range(10):
        await asyncio.sleep(0)
    assert b"/smuggled" not in caller.transport.text
    assert caller.transport.closed


@in_loop
async def test_what_is_not_http_is_refused() -> None:
    """As who speaks TLS to a plain port."""
    caller = _Caller(_echo)
    await caller.says(b"\x16\x03\x01\x02\x00\x01\x00")
    assert caller.transport.text.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert caller.transport.closed


@pytest.mark.parametrize("many", [True, False], ids=["many headers", "a long address"])
@in_loop
async def test_a_head_without_an_end_is_refused(many: bool) -> None:
    """Beyond 64 KiB."""
    caller = _Caller(_echo)
    long = b"".join(b"x-%d: %b\r\n" % (number, b"a" * 1000) for number in range(70)) if many else b""
    await caller.says(b"GET /" + (b"" if many else b"a" * 70_000) + b" HTTP/1.1\r\n" + long)
    assert caller.transport.text.startswith(b"HTTP/1.1 431 ")
    assert caller.transport.closed
