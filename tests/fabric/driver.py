"""Drives the agenda: delivers, doubles, drops and puts off what is on its way, by hand or by the seed, and lets virtual time pass."""

import random
from collections import Counter

from tests.fabric.aws.dynamodb import DynamoDb
from tests.fabric.clock import VirtualClock
from tests.fabric.delivery.agenda import Home, Thing, Waiting
from tests.fabric.delivery.bus import Delivery
from tests.fabric.faults import FaultPlan, Faults, Moment
from tests.fabric.router import Router

_DEPTH = 2
"""How deep things may happen in the middle of one another."""


class Quiet(Exception):
    """It did not become quiet within the steps that were allowed."""


class Driver:
    """What decides what happens next. `log` is the trace: one line for each thing that happens, and for how it went."""

    seed: int
    chance: random.Random
    clock: VirtualClock
    tables: DynamoDb
    _faults: Faults
    _homes: tuple[Home, ...]

    def __init__(self) -> None:
        self.log: list[str] = []
        self.steps = 0
        self._depth = 0

    @property
    def now(self) -> float:
        """Virtual seconds since the start."""
        return self.clock.seconds

    @property
    def things(self) -> list[Thing]:
        """Everything that is to happen, due or not, background or not."""
        return [thing for home in self._homes for thing in home.things()]

    @property
    def pending(self) -> list[Thing]:
        """What can happen now."""
        now = self.now
        return [thing for thing in self.things if thing.due <= now]

    def deliver(self, which: int | Thing) -> str:
        """Let one thing happen; a word on how it went."""
        thing = self._thing(which)
        self.steps += 1
        number, kept = self.steps, self._faults.begin(function=False)
        self._note(f"{thing.kind}: {thing.what}")
        try:
            told = thing.home.deliver(thing)
        finally:
            self._faults.end(kept)
        self._note(f"  {number}: {told}")
        return told

    def duplicate(self, which: int | Thing) -> None:
        """Let it happen once more than it should."""
        thing = self._thing(which)
        self._fired(f"duplicate {thing.kind}", thing)
        thing.home.duplicate(thing)

    def drop(self, which: int | Thing) -> None:
        """Let it never happen."""
        thing = self._thing(which)
        self._fired(f"drop {thing.kind}", thing)
        thing.home.drop(thing)

    def delay(self, which: int | Thing, seconds: float) -> None:
        """Let it happen later."""
        thing = self._thing(which)
        self._fired(f"delay {thing.kind}", thing)
        thing.due = self.now + seconds
        if isinstance(thing.home, Router):
            thing.home.delay(thing, seconds)

    def step(self) -> str | None:
        """Let anything happen that can happen now, by the seed; if nothing can, move on to the next moment at which something does.

        None if there is nothing but background left, and that is later.
        """
        return self._step(self.things)

    def run(self, limit: int = 5000) -> int:
        """Go on until it is quiet: nothing on its way, nothing starting or ending. How many things happened; `Quiet` after `limit`."""
        before = self.steps
        while not _quiet(things := self.things):
            if self.steps - before >= limit:
                waiting = "\n".join(f"  {thing.kind} {thing.what} due {thing.due:.1f}" for thing in self.things if not thing.background)
                message = f"seed {self.seed}: not quiet after {limit} steps at {self.now:.1f}\n{waiting}\n" + "\n".join(self.log[-60:])
                raise Quiet(message)
            self._step(things)
        return self.steps - before

    @property
    def quiet(self) -> bool:
        """Whether all that is left is background: sweeps, alarms, waits for answers."""
        return _quiet(self.things)

    def advance(self, seconds: float) -> None:
        """Let time pass. Sweeps and alarms become due on the way, and waits end; but no function runs until somebody delivers."""
        end = self.now + seconds
        while True:
            due = [thing for thing in self.things if thing.kind in {"schedule", "machine"} and thing.background and thing.due <= end]
            if not due:
                break
            thing = min(due, key=lambda one: one.due)
            self.clock.move_to(thing.due)
            self.deliver(thing)
        self.clock.move_to(end)
        self.tables.expire()
        self._note(f"time is now +{self.now:.1f}s")

    def live(self, seconds: float, limit: int = 5000) -> None:
        """Let time pass as it does in life: whatever falls due on the way happens."""
        end, before = self.now + seconds, self.steps
        while self.steps - before < limit:
            things = self.things
            due = min((thing.due for thing in things), default=end)
            if due <= self.now:
                self._step(things)
                continue
            if due > end:
                self.clock.move_to(end)
                return
            self.clock.move_to(due)
        message = f"seed {self.seed}: {limit} steps within {seconds} s\n" + "\n".join(self.log[-60:])
        raise Quiet(message)

    # ── trouble ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, plan: FaultPlan) -> None:
        """From now on things go wrong by this plan."""
        self._faults.plan = plan

    def fault(self, service: str, operation: str, error: str, times: int = 1) -> None:
        """The next such calls fail: throttled, unavailable, refused, lost, repeated, or an error code of AWS's. `*` = any."""
        self._faults.order(service, operation, error, times)

    def crash_next(self, call_number: int, moment: Moment = "before") -> None:
        """The function that runs next dies before or after its AWS call of this number, from 0."""
        self._faults.crash_next(call_number, moment)

    def stale_next(self, times: int = 1) -> None:
        """The next reads that may be old are: of an index, of ECS."""
        self._faults.stale_next(times)

    def preempt_next(self, call_number: int) -> None:
        """In the function that runs next, something else happens before its AWS call of this number."""
        self._faults.preempt_next(call_number)

    @property
    def fired(self) -> Counter[str]:
        """Faults that came to pass, by name."""
        return self._faults.fired

    @property
    def calls(self) -> Counter[str]:
        """AWS calls by `service.Operation`."""
        return self._faults.calls

    # ── insides ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _step(self, things: list[Thing]) -> str | None:
        """One step, where `things` is everything that is to happen."""
        while True:
            now = self.now
            found = [thing for thing in things if thing.due <= now]
            if not found:
                if _quiet(things):
                    return None
                self.clock.move_to(min(thing.due for thing in things))
                continue
            thing = self.chance.choice(found)
            if not self._mishap(thing):
                return self.deliver(thing)
            things = self.things

    def _thing(self, which: int | Thing) -> Thing:
        return self.pending[which] if isinstance(which, int) else which

    def _note(self, line: str) -> None:
        self.log.append(f"+{self.clock.seconds:.3f} {'  ' * self._depth}{line}")

    def _fired(self, what: str, thing: Thing) -> None:
        self._faults.fired[what] += 1
        self._note(f"{what}: {thing.what}")

    def _mishap(self, thing: Thing) -> bool:
        """Whether the plan does something to a delivery instead of it, or before it (then False)."""
        plan, chance = self._faults.plan, self._faults.chance
        if thing.kind not in {"bus", "queue", "stream", "invocation"}:
            return False
        if plan.drop and chance.random() < plan.drop:
            self.drop(thing)
            return True
        if plan.delay and chance.random() < plan.delay:
            self.delay(thing, chance.uniform(0, plan.longest_delay))
            return True
        if plan.duplicate and chance.random() < plan.duplicate:
            self.duplicate(thing)
        if plan.bus_refuses and isinstance(thing, Delivery) and not thing.attempts and chance.random() < plan.bus_refuses:
            self._fired("bus refused", thing)
            thing.refused += 1
        return False

    def _preempt(self) -> None:
        """Something else happens in the middle of a call."""
        if self._depth >= _DEPTH:
            return
        found = [thing for thing in self.pending if not isinstance(thing.home, Waiting) or thing in thing.home.waiting]
        if found:
            self._depth += 1
            try:
                self.deliver(self.chance.choice(found))
            finally:
                self._depth -= 1


def _quiet(things: list[Thing]) -> bool:
    """Whether all of it is background."""
    return all(thing.background for thing in things)
