"""Who sits out, for how long, and how one comes back.

Out at once: a target that cannot be reached. Out after a few failures in a row, or when most of what it answered in a window failed. Each
time lasts twice as long as the one before, up to a ceiling, and is forgiven after a time of good conduct. When it is over one request tries
the target; the others follow when that was answered. At most a share of a pool's targets sits out for bad answers, which a request itself
may be the cause of; targets that cannot be reached are no use to anybody and do not count there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from router.choosing.memory import Cooldowns
from router.choosing.seats import Seat


class Fault(Enum):
    """What a target did wrong: gave no connection, failed to answer, or had too much to do."""

    UNREACHABLE = "unreachable"
    FAILED = "failed"
    BUSY = "busy"


@dataclass(frozen=True)
class Rules:
    """Times in seconds. A window begins with a failure; `rate` of at least `least` outcomes in it must be failures."""

    base: float = 5.0
    ceiling: float = 120.0
    in_a_row: int = 3
    window: float = 10.0
    least: int = 20
    rate: float = 0.5
    most_out: float = 0.5
    busy: float = 1.0
    forgiven_after: float = 300.0


class Bench:
    """Applies the rules. `on_eject` is called with the model of each target that is put out."""

    def __init__(self, rules: Rules, memory: Cooldowns, clock: Callable[[], float], on_eject: Callable[[str], None]) -> None:
        self._rules, self._memory, self._clock, self._on_eject = rules, memory, clock, on_eject

    def now(self) -> float:
        """Seconds of the clock that `out_until` is told in."""
        return self._clock()

    def answered(self, seat: Seat, asked: object) -> None:
        """It answered. If that was the trial, it is back."""
        seat.answers += 1
        seat.streak = 0
        if seat.out_until and seat.trial is asked:
            self.put_in(seat)

    def failed(self, seat: Seat, asked: object, fault: Fault, pool: Sequence[Seat], seconds: float | None = None) -> None:
        """It did not. `seconds`: for how long it says that it is busy."""
        on_trial = seat.out_until > 0 and seat.trial is asked
        if on_trial:
            seat.trial = None
        elif seat.out_until:
            return  # it was sent before, and tells nothing new
        now, rules = self._clock(), self._rules
        if fault is Fault.BUSY:
            self._put_out(seat, now, min(max(seconds or rules.busy, 0.1), rules.base))
            return
        seat.streak += 1
        if now - seat.window_from > rules.window:
            seat.window_from, seat.failures, seat.answers = now, 0, 0
        seat.failures += 1
        if on_trial or fault is Fault.UNREACHABLE or (self._is_bad(seat) and self._may_leave(pool)):
            self._strike(seat, now)

    def put_in(self, seat: Seat) -> None:
        """It takes requests again."""
        seat.trial = None
        if seat.out_until:
            seat.out_until = 0.0
            seat.standing.out -= 1
            self._memory.restore(seat.key)

    def _is_bad(self, seat: Seat) -> bool:
        rules, outcomes = self._rules, seat.failures + seat.answers
        return seat.streak >= rules.in_a_row or (outcomes >= rules.least and seat.failures >= rules.rate * outcomes)

    def _may_leave(self, pool: Sequence[Seat]) -> bool:
        """Whether one more may sit out; the last one may too, for then it is asked all the same."""
        out = sum(1 for seat in pool if seat.out_until)
        return len(pool) == 1 or out + 1 <= max(1, int(self._rules.most_out * len(pool)))

    def _strike(self, seat: Seat, now: float) -> None:
        rules = self._rules
        if seat.strikes and now - seat.struck_at > rules.forgiven_after:
            seat.strikes = 0
        seconds = min(rules.ceiling, rules.base * 2.0 ** min(seat.strikes, 30))
        seat.strikes += 1
        seat.struck_at = now + seconds
        seat.streak = seat.failures = seat.answers = 0
        seat.window_from = 0.0
        self._put_out(seat, now, seconds)
        self._on_eject(seat.key.partition("/")[0])

    def _put_out(self, seat: Seat, now: float, seconds: float) -> None:
        if not seat.out_until:
            seat.standing.out += 1
        seat.out_until = now + seconds
        self._memory.eject(seat.key, seconds)
