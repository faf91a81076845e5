"""Targets as this router sees them: how much each has to do, and how each has behaved. They outlive every change of the route table."""

from router.routes import Target


class Standing:
    """What is known of one model's targets together. `out`: how many sit out; `dealt`: requests without a cohort so far.

    `home` and `spilled` count requests of conversations: at their own target, or beside it because that had enough to do.
    """

    __slots__ = ("dealt", "home", "out", "spilled")

    def __init__(self) -> None:
        self.out = self.dealt = self.home = self.spilled = 0


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
        self.target = target
        self.names: tuple[tuple[bytes, bytes], ...] = ()
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
