"""Seeds of walks that once failed: each is walked again with every change. What it found is said beside it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """A seed, how many steps its walk took, and what went wrong in it."""

    seed: int
    steps: int
    what: str


FOUND: tuple[Found, ...] = (
    Found(76, 30, "three throttled reads in a row: the last attempt of an asynchronous invocation has to be spared by a merciful plan"),
    Found(211, 30, "a shortage of capacity that nobody ends lasts until the operation's deadline: `settle` ends it"),
    Found(642, 30, "StopTask had no fake, and a function took that for a failure of ECS: what is not faked ends the run"),
)
