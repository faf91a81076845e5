"""What the router tells the control plane: put on the bus in the background, the newest of each kind and subject, until the bus has it."""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, Protocol

from contracts.routing import LoadObserved, ModelWakeRequested, RouteHealthObserved
from router.aws import BusUnavailable
from router.idents import metadata
from router.log import Log
from router.metrics import Metrics

_MAX_BATCH = 10
_MAX_BACK_OFF = 10.0
_PRODUCER = "routing"


class BusWriter(Protocol):
    """Puts events on the bus; blocks."""

    def put(self, entries: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
        """Put (source, detail type, detail) on the bus; BusUnavailable unless all were taken."""
        ...


class Reporter:
    """Wraps observations in the envelope and sends them. Only the newest of a kind about a target, or about a model, is kept: an older
    one has been overtaken."""

    def __init__(self, bus: BusWriter, executor: Executor, *, environment: str, router_id: str, metrics: Metrics, log: Log) -> None:
        self._bus, self._executor = bus, executor
        self._environment, self._router_id, self._metrics, self._log = environment, router_id, metrics, log
        self._pending: dict[tuple[str, str, str], tuple[str, str, dict[str, Any]]] = {}
        self._wake = asyncio.Event()

    def report(self, observed: RouteHealthObserved | LoadObserved | ModelWakeRequested) -> None:
        """Send this as soon as may be; never waits."""
        about = metadata(
            observed.contract_version,
            producer=_PRODUCER,
            environment=self._environment,
            correlation_id=f"route:{observed.model_id}",
            router_id=self._router_id,
        )
        detail = {"metadata": about, "data": observed.document()}
        target = observed.target_id if isinstance(observed, RouteHealthObserved) else ""
        kind = observed.event_type()
        self._pending[kind, observed.model_id, target] = (observed.source, kind, detail)
        self._wake.set()

    async def run(self) -> None:
        """Send for ever."""
        failures = 0
        while True:
            await self._wake.wait()
            if await self._send():
                failures = 0
                continue
            failures = min(failures + 1, 8)
            delay = random.uniform(0.5, 1.0) * min(_MAX_BACK_OFF, 0.2 * 2**failures)  # noqa: S311 - jitter
            await asyncio.sleep(delay)

    async def flush(self, seconds: float) -> None:
        """Send what is left, within `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._pending and await self._send():
                    pass

    def _batch(self) -> dict[tuple[str, str, str], tuple[str, str, dict[str, Any]]]:
        """The oldest, and others of its kind: the permission to put names detail types, and is judged for a call as a whole."""
        first = next(iter(self._pending), None)
        alike = [(key, entry) for key, entry in self._pending.items() if first and key[0] == first[0]]
        return dict(alike[:_MAX_BATCH])

    async def _send(self) -> bool:
        batch = self._batch()
        try:
            if batch:
                await asyncio.get_running_loop().run_in_executor(self._executor, self._bus.put, list(batch.values()))
        except BusUnavailable as error:
            self._metrics.events.labels("failed").inc()
            self._log.warning("events not accepted, trying again", reason=str(error), events=len(batch))
            for key, entry in batch.items():
                if self._pending.get(key) is entry:  # to the end: what is refused must not keep everything else from the bus
                    self._pending[key] = self._pending.pop(key)
            return False
        self._metrics.events.labels("accepted").inc(len(batch))
        for key, entry in batch.items():
            if self._pending.get(key) is entry:
                del self._pending[key]
        if not self._pending:
            self._wake.clear()
        return True
