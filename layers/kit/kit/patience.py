"""Trying again when somebody else wrote first: read anew, decide anew, a bounded number of times."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from kit.errors import Contended, Transient

Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """How often to try and how long to wait in between: full jitter under a doubling ceiling. Times in seconds.

    `chance` gives a number in [0, 1); both it and `sleep` are injected, so that a run can be replayed.
    """

    tries: int = 8
    base: float = 0.02
    ceiling: float = 0.5
    chance: Callable[[], float] = random.random
    sleep: Callable[[float], None] = time.sleep

    def persist(self, attempt: Callable[[], Result]) -> Result:
        """What `attempt` answers, once it is not `Contended`; `Transient("contended-too-long")` after the last try."""
        for number in range(self.tries):
            try:
                return attempt()
            except Contended as error:
                last = error
            if number + 1 < self.tries:
                self.sleep(self.chance() * min(self.ceiling, self.base * 2**number))
        raise Transient("contended-too-long", f"{self.tries} attempts were each overtaken by another write") from last
