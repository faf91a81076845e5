"""What every rule of delivery is tried on: a ground whose functions do what a test says. Names are of the real topology."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fabric.clock import VirtualClock
from tests.fabric.delivery.agenda import Ground, Outcome, Thing

TABLE, STREAM = "ServingModelTable", "ServingAnnounceModelChangesFunction"
QUEUE, WORKER = "ServingOnModelRequestedQueue", "ServingOnModelRequestedFunction"
REACTION = "ServingOnRouteChangedFunction"
BROKEN = Outcome(error="Transient", message="no")


@dataclass
class World:
    """A ground whose functions do what a test says, and what came of it."""

    behaves: Callable[[str, Any], Outcome] = lambda *_: Outcome()
    clock: VirtualClock = field(default_factory=VirtualClock)
    runs: list[tuple[str, Any]] = field(default_factory=list)
    dead: list[tuple[str, str, Any]] = field(default_factory=list)

    def ground(self) -> Ground:
        """What deliveries stand on."""
        return Ground(self.clock, random.Random(0), self._invoke, lambda *told: self.dead.append(told), lambda _: None)

    def _invoke(self, name: str, event: Any, *, last: bool = False) -> Outcome:
        self.runs.append((name, event))
        return self.behaves(name, event)

    def exhaust(self, things: Callable[[], list[Thing]], most: int = 60) -> None:
        """Deliver whatever comes, in its own time, until nothing is left."""
        for _ in range(most):
            if not (found := things()):
                return
            thing = min(found, key=lambda one: one.due)
            self.clock.move_to(thing.due)
            thing.home.deliver(thing)
        message = "there is no end to it"
        raise AssertionError(message)
