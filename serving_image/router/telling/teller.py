"""Telling what was used: a record of each request on disk before its answer's end goes out, then batches to the queue in the background."""

import asyncio
import contextlib
import math
import random
import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from prometheus_client import Counter

from router.aws import QueueUnavailable
from router.load import Load
from router.log import Log
from router.metrics import Metrics
from router.routes import EVERYONE, Prepared
from router.statuses import BAD_REQUEST
from router.telling.reading import Reading
from router.telling.record import FORM, Record
from router.telling.spool import Spool
from router.telling.usage import Usage

if TYPE_CHECKING:
    from router.exchange import Exchange

_LOOK_SECONDS: Final = 1.0
_MOST_BACK_OFF: Final = 30.0
_AT_ONCE: Final = 50
_LOSSES_SECONDS: Final = 10.0


class UsageQueue(Protocol):
    """Where batches go; blocks."""

    def send(self, body: str) -> None:
        """Send one batch; QueueUnavailable unless it was taken."""
        ...


class Telling:
    """One request's way into the records: sees its answer go by (as `Exchange.flow`), and is told how it ended if the answer does not say.

    `prepared` is the route that it was sent to last.
    """

    __slots__ = ("_exchange", "_groups", "_teller", "_told", "prepared", "reading")

    def __init__(self, teller: "Teller", exchange: "Exchange", prepared: Prepared, groups: frozenset[str], reading: Reading) -> None:
        self._teller, self._exchange, self.prepared, self._groups, self.reading = teller, exchange, prepared, groups, reading
        self._told = False

    def take(self, chunk: bytes, *, more: bool) -> bytes:
        """What goes on to the caller for a part of the answer. Where that is its end, the record is on disk before it goes."""
        chunk = self.reading.take(chunk, more=more)
        if self.reading.ended:
            self.end("ok" if self._exchange.status < BAD_REQUEST else "refused")
        return chunk

    def end(self, outcome: str) -> None:
        """The request has ended, if it had not already: `exchange.usage` is known from now on."""
        if self._told:
            return
        self._told = True
        exchange, reading = self._exchange, self.reading
        exchange.outcome = outcome
        exchange.usage = usage = reading.usage(exchange.bytes_in) if exchange.status < BAD_REQUEST else None
        reading.close(usage)
        self._teller.record(exchange, self.prepared, self._groups, outcome)


class Teller:
    """Records requests, and sends what was recorded. Without a queue (none is named) nothing is recorded."""

    def __init__(
        self,
        spool: Spool | None,
        queue: UsageQueue | None,
        executor: Executor,
        *,
        router_id: str,
        metrics: Metrics,
        log: Log,
        alarm: Callable[[int], None] = lambda _batches: None,
    ) -> None:
        self._spool, self._queue, self._executor, self._alarm = spool, queue, executor, alarm
        self._router_id, self._metrics, self._log = router_id, metrics, log
        self._counters: dict[str, tuple[Counter, Counter]] = {}
        self._depth = (0, 0)

    def follow(self, exchange: "Exchange", prepared: Prepared, groups: frozenset[str], load: Load) -> Telling:
        """What sees this request's answer. Whoever follows calls `end`."""
        return Telling(self, exchange, prepared, groups, Reading(load, stream=exchange.stream, pictures=prepared.route.task == "image"))

    def _count(self, model_id: str, usage: Usage) -> None:
        counters = self._counters.get(model_id)
        if counters is None:
            labelled = self._metrics.tokens.labels
            counters = self._counters[model_id] = labelled(model_id, "input"), labelled(model_id, "output")
        took, gave = counters
        took.inc(usage.input_tokens)
        gave.inc(usage.output_tokens)

    def record(self, exchange: "Exchange", prepared: Prepared, groups: frozenset[str], outcome: str) -> None:
        """Keep what this request used; once the record is kept, the process may die."""
        usage, route = exchange.usage, prepared.route
        if usage is not None:
            self._count(route.model_id, usage)
        if self._spool is None:
            return
        first = exchange.first_byte_at
        self._spool.append(
            Record(
                FORM,
                int(time.time() * 1000),
                exchange.request_id,
                exchange.token_id or "",
                exchange.subject,
                group_of(prepared, groups),
                route.model_id,
                exchange.version,
                exchange.target,
                route.hosting,
                f"{route.provider.name}/{route.provider.model}" if route.provider is not None else "",
                exchange.path,
                outcome,
                exchange.status,
                usage.input_tokens if usage else 0,
                usage.output_tokens if usage else 0,
                usage.cached_tokens if usage else 0,
                usage.reasoning_tokens if usage else 0,
                usage.images if usage else 0,
                round(usage.seconds * 1000) if usage else 0,
                usage.characters if usage else 0,
                usage.estimated if usage else False,
                exchange.stream,
                None
                if first is None or exchange.status >= BAD_REQUEST
                else round((first - (exchange.asked_at or exchange.started_at)) * 1000),
                round(exchange.elapsed() * 1000),
                round(exchange.held_seconds * 1000),
                self._router_id,
            )
        )

    async def run(self) -> None:
        """Send for ever."""
        failures = 0
        while True:
            await asyncio.sleep(_LOOK_SECONDS if not failures else self._pause(failures))
            if self._spool is not None:
                self._spool.seal_if_due()
                failures = 0 if await self._send(self._spool) else min(failures + 1, 8)

    async def flush(self, seconds: float) -> None:
        """Send what is left, within `seconds`; what cannot be sent stays on disk."""
        if self._spool is None:
            return
        self._spool.seal()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._send(self._spool)

    async def _send(self, spool: Spool) -> bool:
        sent, failure = await asyncio.get_running_loop().run_in_executor(self._executor, self._work, spool)
        if sent:
            self._metrics.usage_batches.labels("sent").inc(sent)
        waiting, size = self._depth
        self._metrics.spool_batches.set(waiting)
        self._metrics.spool_bytes.set(size)
        if failure is not None:
            self._metrics.usage_batches.labels("failed").inc()
            self._log.warning("usage not accepted, trying again", reason=failure, batches=waiting)
            self._alarm(waiting)
        return failure is None

    def _work(self, spool: Spool) -> tuple[int, str | None]:
        """In a thread: how many batches were sent, and why no more."""
        sent = 0
        try:
            spool.settle()
            for path in spool.waiting()[:_AT_ONCE]:
                if self._deliver(path):
                    sent += 1
        except (QueueUnavailable, OSError) as error:
            return sent, f"{type(error).__name__}: {error}"[:200]
        finally:
            self._depth = spool.depth()
        return sent, None

    def _deliver(self, path: Path) -> bool:
        """Whether the batch was sent; one that is gone was sent by a process beside this one."""
        try:
            body = path.read_text()
        except FileNotFoundError:
            return False
        if self._queue is not None:
            self._queue.send(body)
        path.unlink(missing_ok=True)
        return True

    def _pause(self, failures: int) -> float:
        longest = min(_MOST_BACK_OFF, 0.5 * float(2**failures))
        return random.uniform(0.5, 1.0) * longest  # noqa: S311 - jitter


def group_of(prepared: Prepared, groups: frozenset[str]) -> str:
    """The group that the request is reckoned to: the first, by name, of the caller's that the model allows, else the first of theirs."""
    meant = groups & prepared.groups or (groups - {EVERYONE})
    return min(meant, default="")


class Losses:
    """Tells of records that the disk did not take: each in the counter, and once in ten seconds in the log and by `alarm`."""

    def __init__(
        self, metrics: Metrics, log: Log, alarm: Callable[[int], None] = lambda _records: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._metrics, self._log, self._alarm, self._clock = metrics, log, alarm, clock
        self._untold, self._told_at = 0, -math.inf

    def tell(self, records: int, reason: str) -> None:
        """So many are lost."""
        self._metrics.usage_lost.inc(records)
        self._untold += records
        if self._clock() - self._told_at >= _LOSSES_SECONDS:
            self._log.write("ERROR", "usage records lost", records=self._untold, reason=reason)
            self._alarm(self._untold)
            self._untold, self._told_at = 0, self._clock()
