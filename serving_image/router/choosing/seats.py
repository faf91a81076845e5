"""Targets as this router sees them: how much each has to do, and how each has behaved. They outlive every change of the route table."""

from typing import Final, Protocol

from router.routes import Target

NOWHERE: Final = 0
HOME: Final = 1
SPILLED: Final = 2
CONTROL: Final = 3
WAYS: Final = {HOME: "home", SPILLED: "spilled", CONTROL: "control"}


class Going(Protocol):
    """A request: which way it went, for what is learned of it."""

    way: int


class Learned:
    """Of requests that went one way: how many, their prompt tokens and how many were cached, streams and times to their first byte."""

    __slots__ = ("begun", "cached", "prompt", "requests", "seconds")

    def __init__(self) -> None:
        self.requests = self.prompt = self.cached = self.begun = 0
        self.seconds = 0.0

    def sums(self) -> tuple[float, ...]:
        """All of it, in that order."""
        return self.requests, self.prompt, self.cached, self.begun, self.seconds


class Standing:
    """What is known of one model's targets together. `out`: how many sit out; `dealt`: requests without a cohort so far.

    `learned` is of requests of conversations, where there is a choice of targets: those that went home, to the conversation's own target;
    those that spilled, beside it because that had enough to do; and a control group that is sent as if it were no conversation.
    """

    __slots__ = ("dealt", "learned", "out")

    def __init__(self) -> None:
        self.out = self.dealt = 0
        self.learned = {way: Learned() for way in WAYS}

    def learn(self, way: int, prompt: int, cached: int, first_seconds: float | None) -> None:
        """A request that went this way has been answered."""
        learned = self.learned[way]
        learned.requests += 1
        learned.prompt += prompt
        learned.cached += cached
        if first_seconds is not None:
            learned.begun += 1
            learned.seconds += first_seconds


class Seat:
    """One target. `load` = `in_flight` (requests of ours) + `elsewhere` (of other routers, as far as the engine has told).

    `out_until`: monotonic seconds until which it sits out, 0.0 while it does not; `trial`: the one request that tries whether it is back;
    `streak`: failures in a row; `failures` and `answers` since `window_from`, the failure that began the window; `strikes`: how often it
    was put out lately, last at `struck_at`; `names`: the headers that tell callers who answered.
    """

    __slots__ = (
        "answers", "elsewhere", "failures", "in_flight", "load", "names", "out_until", "pool", "standing", "streak", "strikes", "struck_at",
        "target", "trial", "window_from",
    )  # fmt: skip

    def __init__(self, target: Target, standing: Standing) -> None:
        self.standing = standing
        self.follow(target)
        self.pool: Load = Load()
        self.in_flight = self.elsewhere = self.load = 0
        self.out_until = self.window_from = self.struck_at = 0.0
        self.trial: object | None = None
        self.streak = self.failures = self.answers = self.strikes = 0

    @property
    def key(self) -> str:
        """The target's."""
        return self.target.key

    def follow(self, target: Target) -> None:
        """Its row as it is now."""
        self.target = target
        model_id = target.key.partition("/")[0]
        self.names = ((b"x-slipway-model", model_id.encode()), (b"x-slipway-version", target.row.version.encode()))

    def begin(self) -> None:
        """A request of ours goes there."""
        self.in_flight += 1
        self.load += 1
        self.pool.total += 1

    def end(self, asked: object) -> None:
        """It has come back, or was given up."""
        self.in_flight -= 1
        self.load -= 1
        self.pool.total -= 1
        if self.trial is asked:
            self.trial = None

    def told(self, in_flight: int) -> None:
        """The engine says how many requests it has, whoever sent them."""
        self._elsewhere(max(0, in_flight - self.in_flight))

    def passed_over(self) -> None:
        """Others were preferred: what it has to do elsewhere was heard a while ago, and is believed a little less each time."""
        if self.elsewhere:
            self._elsewhere(self.elsewhere - 1)

    def _elsewhere(self, count: int) -> None:
        more = count - self.elsewhere
        self.elsewhere = count
        self.load += more
        self.pool.total += more


class Load:
    """The load of the seats of one pool together. `shared`: there is more than one of them."""

    __slots__ = ("shared", "total")

    def __init__(self) -> None:
        self.total = 0
        self.shared = False
