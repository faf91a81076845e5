"""Traces: a request's part in its caller's trace, told in the background to whoever collects them.

The caller's `traceparent` (W3C) or `X-Amzn-Trace-Id` is joined, and whoever decided there whether it is sampled has decided; of requests
without either, a share is sampled. The engine's request bears the same trace, under a span of ours. A span has room for names, codes,
counts and times, as the record of usage has, and for nothing that was said. Where no collector is named, none of this is there.
"""

import asyncio
import contextlib
import random
import re
import secrets
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from router.metrics import Metrics

if TYPE_CHECKING:
    from router.exchange import Exchange

_W3C: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]([0-9a-f])(?:-.{0,256})?")
_ROOT: Final = re.compile(rb"Root=1-([0-9a-f]{8})-([0-9a-f]{24})")
_PARENT: Final = re.compile(rb"Parent=([0-9a-f]{16})")
_SAMPLED: Final = re.compile(rb"Sampled=([01])")
_SECONDS: Final = 1.0
_MOST_WAITING: Final = 4096
_AT_ONCE: Final = 512


class CollectorUnavailable(Exception):
    """The collector did not take spans."""


class Trace:
    """A sampled request's place: its trace, the span it is part of (empty for a new trace), its own span and that of what it asks."""

    __slots__ = ("call_id", "parent_id", "span_id", "trace_id")

    def __init__(self, trace_id: str, parent_id: str) -> None:
        self.trace_id, self.parent_id = trace_id, parent_id
        self.span_id, self.call_id = secrets.token_hex(8), secrets.token_hex(8)


class Span(NamedTuple):
    """What is told of one request. Times in nanoseconds since 1970; `asked_at` and `first_byte_at` are 0 where that never happened."""

    trace_id: str
    parent_id: str
    span_id: str
    call_id: str
    started_at: int
    asked_at: int
    first_byte_at: int
    ended_at: int
    method: str
    path: str
    status: int
    outcome: str
    request_id: str
    token_id: str
    model: str
    version: str
    target: str
    stream: bool
    input_tokens: int
    output_tokens: int


class Collector(Protocol):
    """Where spans go; blocks."""

    def send(self, spans: Sequence[Span]) -> None:
        """Send them; CollectorUnavailable unless they were taken, as far as that is told."""
        ...


class Tracer:
    """Joins traces and tells of them. A collector that does not keep up, or is away, costs spans, which are counted, and nothing else."""

    def __init__(self, collector: Collector, share: float, executor: Executor, metrics: Metrics) -> None:
        self._collector, self._share, self._executor, self._metrics = collector, share, executor, metrics
        self._waiting: deque[Span] = deque()
        self._wake = asyncio.Event()

    def join(self, headers: dict[bytes, bytes]) -> Trace | None:
        """This request's place in its trace, None if it is not sampled. What goes on to the engine is written into `headers`."""
        found = _place(headers)
        if found is None:
            found = secrets.token_hex(16), "", None
        trace_id, parent_id, sampled = found
        if sampled is None:
            sampled = random.random() < self._share  # noqa: S311 - a sample
        if not sampled:
            return None
        trace = Trace(trace_id, parent_id)
        headers[b"traceparent"] = f"00-{trace_id}-{trace.call_id}-01".encode()
        headers[b"x-amzn-trace-id"] = f"Root=1-{trace_id[:8]}-{trace_id[8:]};Parent={trace.call_id};Sampled=1".encode()
        return trace

    def tell(self, exchange: "Exchange", trace: Trace) -> None:
        """The request has ended."""
        if len(self._waiting) >= _MOST_WAITING:
            self._metrics.spans.labels("lost").inc()
            return
        now, usage = time.time_ns(), exchange.usage
        past = now - int(time.perf_counter() * 1e9)
        self._waiting.append(
            Span(
                trace.trace_id, trace.parent_id, trace.span_id, trace.call_id,
                past + int(exchange.started_at * 1e9),
                past + int(exchange.asked_at * 1e9) if exchange.asked_at is not None else 0,
                past + int(exchange.first_byte_at * 1e9) if exchange.first_byte_at is not None else 0,
                now, exchange.method, exchange.path[:128], exchange.status, exchange.outcome, exchange.request_id,
                exchange.token_id or "", exchange.model, exchange.version, exchange.target, exchange.stream,
                usage.input_tokens if usage is not None else 0, usage.output_tokens if usage is not None else 0,
            )
        )  # fmt: skip
        self._wake.set()

    async def run(self) -> None:
        """Send for ever, once a second at most."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(_SECONDS)
            await self.flush()

    async def flush(self, seconds: float = 10.0) -> None:
        """Send what waits, within `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._waiting:
                    await self._send([self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))])

    async def _send(self, spans: Sequence[Span]) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._executor, self._collector.send, spans)
            self._metrics.spans.labels("sent").inc(len(spans))
        except CollectorUnavailable:
            self._metrics.spans.labels("lost").inc(len(spans))


def _place(headers: dict[bytes, bytes]) -> tuple[str, str, bool | None] | None:
    """Trace, parent and whether it is sampled (None: not decided yet), as the caller says; the load balancer's word counts after it."""
    if (given := headers.get(b"traceparent")) is not None and (found := _W3C.fullmatch(given)) is not None:
        return found[1].decode(), found[2].decode(), bool(int(found[3], 16) & 1)
    given = headers.get(b"x-amzn-trace-id")
    if given is None or (root := _ROOT.search(given)) is None:
        return None
    parent, sampled = _PARENT.search(given), _SAMPLED.search(given)
    return (root[1] + root[2]).decode(), parent[1].decode() if parent else "", sampled[1] == b"1" if sampled else None
