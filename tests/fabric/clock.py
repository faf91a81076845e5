"""Time and chance of one run: a clock that only the fabric moves, and one source of randomness, put in the place of every real one."""

import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from kit.clock import SystemClock

START = datetime(2026, 1, 1, tzinfo=UTC)
EPOCH = START.timestamp()


class VirtualClock:
    """Seconds since `START`. `moved` hears of every step."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.moved: Callable[[float], None] | None = None

    def now(self) -> datetime:
        """The present moment."""
        return START + timedelta(seconds=self.seconds)

    def elapsed(self) -> float:
        """Seconds since the start."""
        return self.seconds

    def move_to(self, seconds: float) -> None:
        """Let it be that late; never earlier than before."""
        self.seconds = max(self.seconds, seconds)
        if self.moved:
            self.moved(self.seconds)

    def sleep(self, seconds: float) -> None:
        """Whoever sleeps finds it later."""
        self.move_to(self.seconds + seconds)


def moment(seconds: float, digits: str = "seconds") -> str:
    """`2026-01-01T00:00:12Z`, as AWS writes it."""
    return (START + timedelta(seconds=seconds)).isoformat(timespec=digits).replace("+00:00", "Z")


@contextmanager
def in_place_of_the_real(clock: VirtualClock, chance: random.Random) -> Iterator[None]:
    """Everything of ours that would ask the machine for the time, for random bits or for a pause asks these instead."""
    from access.usecases.issue_token import IssueToken
    from kit.ids import Ids
    from kit.patience import Patience

    stand_ins = {secrets.randbits: chance.getrandbits, random.random: chance.random, time.sleep: clock.sleep}
    with ExitStack() as stack:
        stack.enter_context(patch.object(SystemClock, "now", lambda _: clock.now()))
        for made in (Ids, Patience, IssueToken):
            constructor: Any = made.__init__
            defaults = tuple(_instead(value, stand_ins) for value in constructor.__defaults__ or ())
            keywords = {name: _instead(value, stand_ins) for name, value in (constructor.__kwdefaults__ or {}).items()}
            stack.enter_context(patch.object(constructor, "__defaults__", defaults))
            stack.enter_context(patch.object(constructor, "__kwdefaults__", keywords or None))
        yield


def _instead(value: Any, stand_ins: dict[Any, Any]) -> Any:
    return next((other for real, other in stand_ins.items() if value == real), value)
