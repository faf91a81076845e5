"""What this router sees of each model's load, told to the control plane in windows of a few seconds while there is traffic.

Tokens are counted without parsing: `usage.completion_tokens` where the answer holds it, else one token for each event of a stream (an
event for the role or the end makes that a little high, several tokens in one event make it low; usage, once it comes, puts it right).
Time to first token is measured on streams alone, from the moment at which the request was sent on: waiting for a wake is not in it.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from contracts.routing import LoadObserved
from router.idents import iso

_MOST_SAMPLES: Final = 4096
_STEP: Final = 0.2


class Tally:
    """What ended, and was answered, within some seconds."""

    __slots__ = ("errors", "first_tokens", "requests", "since", "tokens")

    def __init__(self, now: float) -> None:
        self.since = now
        self.requests = self.errors = self.tokens = 0
        self.first_tokens: list[float] = []

    def take(self, later: "Tally") -> None:
        """Take in what came after."""
        self.requests += later.requests
        self.errors += later.errors
        self.tokens += later.tokens
        self.first_tokens += later.first_tokens[: _MOST_SAMPLES - len(self.first_tokens)]


class Load:
    """One model's traffic. `fresh` is what came since the last look, `kept` what came before and was not told yet.

    Everything happens on the event loop's thread.
    """

    __slots__ = ("counts_tokens", "fresh", "in_flight", "kept", "last_request_at", "told", "told_at")

    def __init__(self, now: float) -> None:
        self.in_flight = 0
        self.counts_tokens = False
        self.last_request_at = 0.0
        self.fresh, self.kept = Tally(now), Tally(now)
        self.told: Window | None = None
        self.told_at = now

    def done(self, *, failed: bool, first_token_seconds: float | None) -> None:
        """A request has ended: `failed` by its target's fault; the time to its first token if it was streamed."""
        self.in_flight -= 1
        self.fresh.requests += 1
        self.fresh.errors += failed
        if first_token_seconds is not None and len(self.fresh.first_tokens) < _MOST_SAMPLES:
            self.fresh.first_tokens.append(first_token_seconds)

    def spoke(self, tokens: int) -> None:
        """So many tokens more (fewer, if negative: usage has put the count right) were answered."""
        self.fresh.tokens += tokens
        self.counts_tokens = True


@dataclass(frozen=True)
class Window:
    """What is compared to decide whether there is news. Rates per second, the time in milliseconds."""

    in_flight: int
    queued: int
    request_rate: float
    failing: bool
    first_token_ms: float | None
    token_rate: float | None
    ready: int

    def differs(self, other: "Window") -> bool:
        """Whether something has changed by more than a fifth."""
        if (self.failing, self.ready) != (other.failing, other.ready):
            return True
        return any(
            _moved(mine, theirs)
            for mine, theirs in (
                (self.in_flight, other.in_flight),
                (self.queued, other.queued),
                (self.request_rate, other.request_rate),
                (self.first_token_ms, other.first_token_ms),
                (self.token_rate, other.token_rate),
            )
        )


class LoadMeter:
    """Every model's load. Tells of a model at its first traffic, then when something changed by more than a fifth, at least every
    `longest_seconds` while there is traffic, and once when it has ended; never more often than every `window_seconds`; nothing at rest.
    """

    def __init__(
        self,
        tell: Callable[[LoadObserved], None],
        router_id: str,
        *,
        ready: Callable[[str], int],
        queued: Callable[[str], int],
        window_seconds: float = 2.0,
        longest_seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell, self._router_id, self._ready, self._queued = tell, router_id, ready, queued
        self._window_seconds, self._longest, self._clock = window_seconds, longest_seconds, clock
        self._loads: dict[str, Load] = {}
        self._busy = asyncio.Event()

    def in_flight(self, model_id: str) -> int:
        """How many requests for the model are under way here, held ones among them."""
        load = self._loads.get(model_id)
        return 0 if load is None else load.in_flight

    def begin(self, model_id: str) -> Load:
        """A request for the model is under way; whoever began it calls `done` on what is answered."""
        load = self._loads.get(model_id)
        if load is None:
            load = self._loads[model_id] = Load(self._clock())
        load.in_flight += 1
        load.last_request_at = time.time()
        self._busy.set()
        return load

    async def run(self) -> None:
        """Look at every model once a window, for as long as there is traffic; for ever."""
        while True:
            await self._busy.wait()
            await asyncio.sleep(self._window_seconds)
            self.look()

    def look(self, *, last: bool = False) -> None:
        """Tell what there is to tell. `last`: the router stops, so whatever was not told yet is told now.

        What has come since the last look is compared with what was compared when it was told last, and all that was not told yet is told:
        so a step is seen at once, and no request is missing from the sums.
        """
        now = self._clock()
        for model_id, load in list(self._loads.items()):
            fresh, kept = load.fresh, load.kept
            window = self._window(model_id, load, fresh, now)
            resting = not load.in_flight and not fresh.requests
            ended = resting and not kept.requests
            kept.take(fresh)
            load.fresh = Tally(now)
            if load.told is None or resting or last or window.differs(load.told) or now - load.told_at >= self._longest:
                self._report(model_id, load, now)
                load.told, load.told_at, load.kept = window, now, Tally(now)
            if ended:
                del self._loads[model_id]
        if not self._loads:
            self._busy.clear()

    def _window(self, model_id: str, load: Load, tally: Tally, now: float) -> Window:
        seconds = max(now - tally.since, 0.001)
        return Window(
            in_flight=load.in_flight,
            queued=min(self._queued(model_id), load.in_flight),
            request_rate=tally.requests / seconds,
            failing=tally.errors > 0,
            first_token_ms=round(percentile(tally.first_tokens, 0.95) * 1000, 3) if tally.first_tokens else None,
            token_rate=round(max(tally.tokens, 0) / seconds, 3) if load.counts_tokens else None,
            ready=self._ready(model_id),
        )

    def _report(self, model_id: str, load: Load, now: float) -> None:
        window = self._window(model_id, load, load.kept, now)
        self._tell(
            LoadObserved(
                model_id=model_id,
                router_id=self._router_id,
                observed_at=iso(),
                window_seconds=round(max(now - load.kept.since, 0.001), 3),
                in_flight=window.in_flight,
                queued=window.queued,
                requests=load.kept.requests,
                errors=load.kept.errors,
                time_to_first_token_ms=window.first_token_ms,
                tokens_per_second=window.token_rate,
                ready_targets=window.ready,
                last_request_at=iso(datetime.fromtimestamp(load.last_request_at, UTC)),
            )
        )


def percentile(samples: list[float], share: float) -> float:
    """The smallest sample that is not smaller than this share of them (nearest rank); there must be one."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _moved(mine: float | None, theirs: float | None) -> bool:
    if mine is None or theirs is None:
        return False
    return abs(mine - theirs) > _STEP * max(mine, theirs)
