"""What wrk cannot do: requests at a steady rate, streams, callers who leave. `python -m bench.router.paced {rate,streams,leave,hold} …`.

Prints one JSON object. Requests at a rate are sent by a plain loop on `select`, whose timeouts are of microseconds (an event loop's are of
milliseconds, and would send them in bunches); their times count from when they were due. Streams are read by an event loop.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import uvloop

_EVENT: Final = b"data: {"
_LAST: Final = b"0\r\n\r\n"
_LATE: Final = 1.0
_MOST: Final = 900
"""Connections that `select` can wait for."""


def percentile(samples: Sequence[float], share: float) -> float:
    """By nearest rank; NaN without samples."""
    ordered = sorted(samples)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else float("nan")


def spread(samples: Sequence[float]) -> dict[str, float]:
    """Milliseconds at the 50th, 95th and 99th percentile."""
    return {f"p{share}": percentile(samples, share / 100) * 1000 for share in (50, 95, 99)}


def whole(answer: bytes) -> bool:
    """Whether an answer with a length, or in chunks, is here to its end."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = answer[:end].lower()
    place = head.find(b"content-length:")
    if place < 0:
        return answer.endswith(_LAST)
    return len(answer) - end - 4 >= int(head[place + 15 :].split(b"\r\n", 1)[0])


@dataclass
class Rate:
    """Requests at a steady rate over connections that are kept; one more is opened where none is free."""

    address: tuple[str, int]
    request: bytes
    times: list[float] = field(default_factory=list)
    errors: int = 0

    def run(self, rate: float, seconds: float) -> None:
        """Send for so many seconds; what is not answered a second later is an error."""
        gc.disable()  # its own pauses would be told as the gateway's
        free: deque[socket.socket] = deque()
        busy: dict[socket.socket, list[Any]] = {}
        began = time.perf_counter()
        total, sent = int(rate * seconds), 0
        while sent < total or busy:
            now = time.perf_counter()
            if now > began + seconds + _LATE:
                break
            while sent < total and now >= began + sent / rate:
                self._send(free, busy, began + sent / rate)
                sent += 1
            due = began + sent / rate - time.perf_counter() if sent < total else _LATE
            ready, _, _ = select.select(list(busy), (), (), max(0.0, due))
            for one in ready:
                self._read(one, free, busy)
        self.errors += len(busy)
        for each in (*free, *busy):
            each.close()

    def _send(self, free: deque[socket.socket], busy: dict[socket.socket, list[Any]], due: float) -> None:
        if free:
            one = free.pop()
        elif len(busy) >= _MOST:
            self.errors += 1
            return
        else:
            one = socket.create_connection(self.address)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.sendall(self.request)
        busy[one] = [due, b""]

    def _read(self, one: socket.socket, free: deque[socket.socket], busy: dict[socket.socket, list[Any]]) -> None:
        state = busy[one]
        part = one.recv(2**18)
        state[1] += part
        if part and not whole(state[1]):
            return
        del busy[one]
        if part and b" 200 " in state[1][:16]:
            self.times.append(time.perf_counter() - state[0])
            free.append(one)
        else:
            self.errors += 1
            one.close()


class Stream(asyncio.Protocol):
    """One stream on a connection of its own. `first`: seconds to its first event; `events` so far; `over` when it has ended."""

    def __init__(self, request: bytes, *, leave: bool = False) -> None:
        self._request, self._leave = request, leave
        self.first: float | None = None
        self.events = 0
        self.whole = False
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sent_at = 0.0
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self.transport = transport
        self._sent_at = time.perf_counter()
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        events = data.count(_EVENT)
        if events and self.first is None:
            self.first = time.perf_counter() - self._sent_at
            if not self.begun.done():
                self.begun.set_result(None)
        self.events += events
        if data.endswith(_LAST):
            self.whole = True
        if self.whole or (self._leave and events):
            self.transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        """asyncio's."""
        for each in (self.over, self.begun):
            if not each.done():
                each.set_result(None)


async def _streams(address: tuple[str, int], request: bytes, count: int, seconds: float, *, leave: bool) -> dict[str, Any]:
    """`count` streams at a time, one after another, for so many seconds."""
    loop = asyncio.get_running_loop()
    ended: list[Stream] = []
    began = time.perf_counter()

    async def one_after_another(place: int) -> None:
        await asyncio.sleep(place * 0.003)  # streams of one moment would wait for each other
        while time.perf_counter() < began + seconds:
            _, stream = await loop.create_connection(lambda: Stream(request, leave=leave), *address)
            await asyncio.wait({stream.over}, timeout=30)
            ended.append(stream)

    await asyncio.gather(*(one_after_another(place) for place in range(count)))
    took = time.perf_counter() - began
    good = [stream for stream in ended if stream.first is not None and (leave or stream.whole)]
    return {
        "streams": len(good),
        "errors": len(ended) - len(good),
        "seconds": took,
        "events": sum(stream.events for stream in good),
        "first": spread([stream.first for stream in good if stream.first is not None]),
    }


async def _hold(address: tuple[str, int], request: bytes, count: int) -> dict[str, Any]:
    """`count` streams open at once; says so on a line when all have begun, and keeps them until its input ends."""
    loop = asyncio.get_running_loop()
    streams: list[Stream] = []
    for start in range(0, count, 50):
        made = await asyncio.gather(
            *(loop.create_connection(lambda: Stream(request), *address) for _ in range(min(50, count - start))), return_exceptions=True
        )
        streams += [one[1] for one in made if not isinstance(one, BaseException)]
        await asyncio.wait({stream.begun for stream in streams[-50:]}, timeout=20)
    print(json.dumps({"open": sum(stream.first is not None and not stream.over.done() for stream in streams)}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    open_still = sum(not stream.over.done() for stream in streams)
    for stream in streams:
        stream.transport.abort()
    return {"kept": open_still}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("rate", "streams", "leave", "hold"))
    parser.add_argument("port", type=int)
    parser.add_argument("request", type=Path, help="a file with the whole request")
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    address, request = ("127.0.0.1", options.port), options.request.read_bytes()
    found: dict[str, Any]
    if options.what == "rate":
        rate = Rate(address, request)
        rate.run(options.rate, options.seconds)
        found = {"answers": len(rate.times), "errors": rate.errors, "latency": spread(rate.times)}
    elif options.what == "hold":
        found = uvloop.run(_hold(address, request, options.count))
    else:
        found = uvloop.run(_streams(address, request, options.count, options.seconds, leave=options.what == "leave"))
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
