"""An upstream that costs next to nothing: `python -m bench.router.mock PORT`. It answers as OpenAI's chat API does.

The request carries the knobs, in fields that every gateway passes on: with `"stream": true` the answer is a stream of `max_tokens` events
(100), `seed` microseconds apart (0: all at once); otherwise it is one JSON document. Nothing is parsed beyond that, nothing is made anew.
`GET` anything tells how many requests there were, and how many streams are being sent now.
"""

import asyncio
import sys
from typing import Final, cast

import uvloop

_JSON: Final = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1767225600,"model":"bench","choices":[{"index":0,"message":{"role":"assistant",'
    b'"content":"The answer is forty-two, as far as anybody knows."},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":17,"completion_tokens":12,"total_tokens":29}}'
)
_ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(_JSON), _JSON)
_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
_STAMP: Final = b'"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"bench"'


def _chunk(event: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(event), event)


_EVENT: Final = _chunk(b'data: {%s,"choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}\n\n' % _STAMP)
_STOP: Final = _chunk(b'data: {%s,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n' % _STAMP)
_DONE: Final = (
    _chunk(b'data: {%s,"choices":[],"usage":{"prompt_tokens":17,"completion_tokens":100,"total_tokens":117}}\n\n' % _STAMP)
    + _chunk(b"data: [DONE]\n\n")
    + b"0\r\n\r\n"
)
_DEFAULT_EVENTS: Final = 100


class Tally:
    """What there was, and what there is."""

    requests = 0
    streams = 0


class Upstream(asyncio.Protocol):
    """One connection: requests one after another, each answered as it asks."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._streaming = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """asyncio's."""
        self._transport = None
        self._end()

    def data_received(self, data: bytes) -> None:
        """asyncio's. Answer every request that is complete."""
        self._buffer = buffer = self._buffer + data if self._buffer else data
        while self._transport is not None:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                break
            size = end + 4 + _number(buffer[:end].lower(), b"content-length:", 0)
            if len(buffer) < size:
                break
            if buffer.startswith(b"GET "):
                self._tell()
            else:
                self._answer(buffer[end + 4 : size])
            buffer = buffer[size:]
        self._buffer = buffer

    def _answer(self, body: bytes) -> None:
        if self._transport is None:
            return
        Tally.requests += 1
        if b'"stream":true' not in body and b'"stream": true' not in body:
            self._transport.write(_ANSWER)
            return
        events, pace = _number(body, b'"max_tokens":', _DEFAULT_EVENTS), _number(body, b'"seed":', 0) / 1e6
        if not pace:
            self._transport.writelines([_HEAD, *[_EVENT] * events, _STOP, _DONE])
            return
        self._streaming = True
        Tally.streams += 1
        self._transport.write(_HEAD + _EVENT)
        self._next(events - 1, pace, self._loop.time() + pace)

    def _next(self, left: int, pace: float, at: float) -> None:
        if self._transport is None:
            return
        if left > 0:
            self._loop.call_at(at, self._say, left, pace, at)
        else:
            self._end()
            self._transport.write(_STOP + _DONE)

    def _end(self) -> None:
        if self._streaming:
            self._streaming = False
            Tally.streams -= 1

    def _tell(self) -> None:
        body = b'{"requests":%d,"streams":%d}' % (Tally.requests, Tally.streams)
        if self._transport is not None:
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

    def _say(self, left: int, pace: float, at: float) -> None:
        if self._transport is not None:
            self._transport.write(_EVENT)
            self._next(left - 1, pace, at + pace)


def _number(text: bytes, name: bytes, default: int) -> int:
    """The whole number behind `name`, `default` without one."""
    place = text.find(name)
    if place < 0:
        return default
    digits = text[place + len(name) : place + len(name) + 12].lstrip()
    count = next((at for at, byte in enumerate(digits) if byte not in b"0123456789"), len(digits))
    return int(digits[:count]) if count else default


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Upstream(loop), "127.0.0.1", port, backlog=8192)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
