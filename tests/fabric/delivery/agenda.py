"""What can happen next: every message on its way, every task about to start, every execution that waits, as one list of things."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.fabric.clock import VirtualClock


@dataclass(eq=False)
class Thing:
    """Something that happens at `due` (virtual seconds) or later. `what` says it in words; `background`: it is no sign of unrest.

    `kind`: bus, queue, stream, invocation, machine, ecs, router, schedule.
    """

    kind: str
    what: str
    due: float
    home: "Home" = field(repr=False)
    background: bool = False


class Home(Protocol):
    """Where things of one kind live."""

    def things(self) -> list[Thing]:
        """Everything that is to happen, due or not."""
        ...

    def deliver(self, thing: Thing) -> str:
        """Let it happen; a word on how it went."""
        ...

    def duplicate(self, thing: Thing) -> None:
        """Let it happen twice: at-least-once delivery."""
        ...

    def drop(self, thing: Thing) -> None:
        """Let it never happen."""
        ...


class Waiting:
    """A home of things that are kept in one list and happen by `act`."""

    def __init__(self) -> None:
        self.waiting: list[Thing] = []

    def things(self) -> list[Thing]:
        """Everything that is to happen."""
        return self.waiting

    def deliver(self, thing: Thing) -> str:
        """Take it off the list, and let it happen."""
        self.waiting.remove(thing)
        return self.happen(thing)

    def happen(self, thing: Thing) -> str:
        """What a thing does."""
        raise NotImplementedError

    def duplicate(self, thing: Thing) -> None:
        """One more of it, behind."""
        self.waiting.append(self.copy(thing))

    def copy(self, thing: Thing) -> Thing:
        """A thing like it."""
        raise NotImplementedError

    def drop(self, thing: Thing) -> None:
        """Forget it."""
        self.waiting.remove(thing)


@dataclass(frozen=True)
class Outcome:
    """How a function ended: with an answer, with an error, or not at all (`crashed`: its process died; nobody knows how far it was)."""

    answer: Any = None
    error: str = ""
    message: str = ""
    crashed: bool = False

    @property
    def fine(self) -> bool:
        """Whether Lambda counts it as a success."""
        return not self.error and not self.crashed

    def __str__(self) -> str:
        return "ok" if self.fine else "crashed" if self.crashed else f"failed: {self.error}"


class Invoke(Protocol):
    """Runs a function (logical id) on an event. `last`: there will be no other attempt at it."""

    def __call__(self, name: str, event: Any, *, last: bool = False) -> Outcome:
        """One run."""
        ...


@dataclass
class Ground:
    """What every part of the fabric stands on."""

    clock: VirtualClock
    chance: random.Random
    invoke: Invoke
    dead: Callable[[str, str, Any], None]
    """Leaves something in a dead-letter queue (logical id; empty = it is lost): from where, and what."""
    note: Callable[[str], None]
    """One line for the trace."""
