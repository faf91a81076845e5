"""How many copies a model shall have, decided from what its routers see.

A reading of the target's metric says how many copies the load is worth (the wish). Above the tolerance the count rises to it at once, in
steps; below, it falls to the highest wish of the last cooldown, in smaller steps, each a cooldown after the change before. It never falls
to nothing: putting a model to sleep is another decision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from typing import Any

from serving.domain.moments import seconds_between

TOLERANCE = 0.1
"""How far the load of a copy may lie beside the target before anything changes."""
FRESH_SECONDS = 15
"""What a router said is taken for true so long (or five of its windows, if that is longer)."""
SILENT_SECONDS = 300
"""A router that fell silent amid traffic may be cut off while its traffic goes on: so long nothing is taken away."""
RISE_PAUSE_SECONDS = 3
"""Between two steps up, so that the routers' signals of one moment make one step."""
START_SECONDS = 1800
"""A copy that has not come after this does not keep others from going."""
_RETURNS_SECONDS = 3600
_MOST_PATIENCE = 16
_STEPS_KEPT = 32
_EXACT = 1e-9  # below any load that is meant: what float arithmetic adds must not ask for a copy

Capacity = Mapping[str, Any]
"""`contracts.Capacity` as a document: min, max, cooldown_seconds, instance_warmup_seconds, target {metric, value}."""


@dataclass(frozen=True)
class Load:
    """What one router saw of a model in its last window; `contracts.routing.LoadObserved` without what scaling does not read."""

    router_id: str
    observed_at: str
    window_seconds: float
    in_flight: int
    queued: int
    requests: int
    ready_targets: int
    time_to_first_token_ms: float | None = None
    tokens_per_second: float | None = None

    @property
    def busy(self) -> bool:
        """Whether there was traffic."""
        return bool(self.in_flight or self.queued or self.requests)

    def fresh(self, now: str) -> bool:
        """Whether it says how things stand now."""
        return seconds_between(self.observed_at, now) <= max(FRESH_SECONDS, 5 * self.window_seconds)

    def missing(self, now: str) -> bool:
        """Whether its router fell silent amid traffic, too short a time ago to take the traffic for ended."""
        return self.busy and not self.fresh(now) and seconds_between(self.observed_at, now) <= SILENT_SECONDS


@dataclass(frozen=True)
class Wish:
    """How many copies the load was worth at a moment."""

    at: str
    copies: int


@dataclass(frozen=True)
class Step:
    """A change of the count that was made."""

    at: str
    before: int
    after: int


@dataclass(frozen=True)
class History:
    """What a decision must know of the past. `wishes` get fewer with time (earlier smaller ones do not matter), `steps` oldest first."""

    since: str
    wishes: tuple[Wish, ...] = ()
    steps: tuple[Step, ...] = ()

    def stepped(self, decision: "Decision", now: str) -> "History":
        """With a decision carried out."""
        steps = (*self.steps, Step(now, decision.before, decision.after))
        return replace(self, steps=steps[-_STEPS_KEPT:])


@dataclass(frozen=True)
class Decision:
    """The count changes from `before` to `after`; `observed` is what a copy carries, to be compared with `target`."""

    before: int
    after: int
    metric: str
    observed: float | None
    target: float | None
    reason: str


@dataclass(frozen=True)
class _Reading:
    """`copies` that the load is worth, None where nobody can tell; `observed` per copy.

    `gradual`: a low value says that there are too many, but not how many.
    """

    metric: str
    target: float
    observed: float | None
    copies: int | None
    gradual: bool = False

    @property
    def above(self) -> bool:
        return self.observed is not None and self.observed > self.target * (1 + TOLERANCE)

    @property
    def below(self) -> bool:
        return self.observed is not None and self.observed <= self.target * (1 - TOLERANCE)


def least(capacity: Capacity) -> int:
    """How few copies the load may ever ask for."""
    return min(max(1, int(capacity["min"])), int(capacity["max"]))


def begun(desired: int, now: str) -> History:
    """Nothing is known of the past: what is there is taken for needed until just now."""
    return History(since=now, wishes=(Wish(now, desired),))


def noted(capacity: Capacity, loads: Sequence[Load], ready: int, desired: int, history: History, now: str) -> History:
    """With the present wish kept, and without what is too old to matter."""
    copies = _read(capacity, loads, ready, desired, now).copies
    oldest = float(capacity["cooldown_seconds"])
    wishes = tuple(wish for wish in history.wishes if seconds_between(wish.at, now) <= oldest)
    if copies is not None:
        wishes = (*(wish for wish in wishes if wish.copies > copies), Wish(now, copies))
    horizon = max(_RETURNS_SECONDS, _MOST_PATIENCE * oldest)
    steps = tuple(step for step in history.steps if seconds_between(step.at, now) <= horizon)
    return replace(history, wishes=wishes, steps=steps)


def decide(
    capacity: Capacity, loads: Sequence[Load], running: int, ready: int, desired: int, history: History, now: str
) -> Decision | None:
    """What the count changes to; None = it stays. `running` tasks, `ready` targets, as last heard of."""
    most, fewest = int(capacity["max"]), least(capacity)
    if most < 1:
        return None
    if not fewest <= desired <= most:
        return _within_bounds(desired, fewest, most)
    reading = _read(capacity, loads, ready, desired, now)
    if reading.copies is None:
        return None
    arriving = min(running, ready) < desired
    if reading.above and reading.copies > desired:
        return _rise(reading, desired, most, history, now, held=reading.gradual and (arriving or _warming(capacity, history, now)))
    if not reading.below or any(load.missing(now) for load in loads):
        return None
    if _warming(capacity, history, now) or (arriving and _since_rise(history, now) <= START_SECONDS):
        return None  # a copy that does not help yet is not one too many
    return _fall(reading, capacity, desired, history, now)


def _rise(reading: _Reading, desired: int, most: int, history: History, now: str, *, held: bool) -> Decision | None:
    recent = [step for step in history.steps if step.after > step.before and seconds_between(step.at, now) < RISE_PAUSE_SECONDS]
    wish = reading.copies or desired
    after = min(wish, most, max(2 * desired, desired + 4))
    if held or recent or after <= desired:
        return None
    limit = f"; {wish} would be right, {most} is the most" if wish > most else f"; {wish} would be right, and come in steps"
    return _decision(reading, desired, after, "above", limit if after < wish else "")


def _fall(reading: _Reading, capacity: Capacity, desired: int, history: History, now: str) -> Decision | None:
    cooldown = float(capacity["cooldown_seconds"])
    if history.steps and seconds_between(history.steps[-1].at, now) < cooldown * _patience(history, cooldown, now):
        return None
    window = [wish.copies for wish in history.wishes if seconds_between(wish.at, now) < cooldown]
    most_wished = max([reading.copies or 0, *window])
    step = 1 if reading.gradual else max(1, desired // 2)
    after = max(most_wished, least(capacity), desired - step)
    if after >= desired:
        return None
    return _decision(reading, desired, after, "below", f" for {cooldown:g} s" if cooldown else "")


def _patience(history: History, cooldown: float, now: str) -> int:
    """How many cooldowns to wait before copies go: twice as many for each time that they had to come back, so that swinging dies away."""
    horizon = max(_RETURNS_SECONDS, _MOST_PATIENCE * cooldown)
    steps = [step for step in history.steps if seconds_between(step.at, now) <= horizon]
    returns = sum(1 for one, two in pairwise(steps) if one.after < one.before and two.after > two.before)
    return int(min(2**returns, _MOST_PATIENCE))


def _warming(capacity: Capacity, history: History, now: str) -> bool:
    rises = [step for step in history.steps if step.after > step.before]
    return bool(rises) and seconds_between(rises[-1].at, now) < float(capacity["instance_warmup_seconds"])


def _since_rise(history: History, now: str) -> float:
    rises = [step.at for step in history.steps if step.after > step.before]
    return seconds_between(rises[-1] if rises else history.since, now)


def _read(capacity: Capacity, loads: Sequence[Load], ready: int, desired: int, now: str) -> _Reading:
    metric, target = str(capacity["target"]["metric"]), float(capacity["target"]["value"])
    seen = [load for load in loads if load.fresh(now) and load.busy]
    if not seen:
        return _Reading(metric, target, 0.0, 0)
    if metric == "time_to_first_token_ms":
        return _latency(metric, target, seen, max(1, min(ready, desired)))
    if metric == "tokens_per_second_per_task":
        told = [load.tokens_per_second for load in seen if load.tokens_per_second is not None]
        total = sum(told) if told else None
    else:
        total = sum(load.queued if metric == "queue_per_task" else load.in_flight for load in seen)
    if total is None:
        return _Reading(metric, target, None, None)
    # Copies on their way count as if they carried their share already: what waits for them asks for no more of them.
    copies = ceil(total / target - _EXACT)
    return _Reading(metric, target, total / max(1, desired), copies, gradual=metric == "queue_per_task" and total < target * desired)


def _latency(metric: str, target: float, seen: Sequence[Load], carrying: int) -> _Reading:
    """A time is no amount: it says of the copies that answer whether they are too few, and by about how much."""
    told = [(load.time_to_first_token_ms, max(1, load.requests)) for load in seen if load.time_to_first_token_ms is not None]
    if not told:
        return _Reading(metric, target, None, None, gradual=True)
    observed = sum(value * weight for value, weight in told) / sum(weight for _, weight in told)
    return _Reading(metric, target, observed, ceil(carrying * observed / target - _EXACT), gradual=True)


def _decision(reading: _Reading, desired: int, after: int, side: str, more: str) -> Decision:
    observed = round(reading.observed, 3) if reading.observed is not None else None
    told = f"{reading.metric} is {observed:g}, {side} its target of {reading.target:g}" if observed is not None else reading.metric
    return Decision(desired, after, reading.metric, observed, reading.target, f"{told}{more}")


def _within_bounds(desired: int, fewest: int, most: int) -> Decision:
    after = min(max(desired, fewest), most)
    side = f"below the least, {fewest}" if desired < fewest else f"above the most, {most}"
    return Decision(desired, after, "bounds", float(desired), float(after), f"{desired} copies are {side}")
