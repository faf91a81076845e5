"""What goes wrong, where and how often: faults planned for a run, faults ordered by a test, and a count of those that came to pass.

`Faults.around` stands around every AWS call of every function (see `tests.fabric.aws.boundary`).
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Protocol

from tests.fabric.aws.boundary import Call, Proceed
from tests.fabric.aws.errors import refusal, unanswered, unreachable
from tests.fabric.crash import Crash

Moment = Literal["before", "after"]
Kind = Literal["throttled", "unavailable", "refused", "lost", "repeated"]
"""throttled, unavailable: AWS says no, and nothing has happened. refused: no connection, likewise. lost: it has happened, the answer
never came. repeated: the SDK has tried again after a lost answer, and it has happened twice."""
KINDS: tuple[Kind, ...] = ("throttled", "unavailable", "refused", "lost", "repeated")
_THROTTLED = {"dynamodb": "ProvisionedThroughputExceededException", "scheduler": "ThrottlingException", "s3": "SlowDown"}
_UNAVAILABLE = {"dynamodb": "InternalServerError", "ecs": "ServerException", "events": "InternalException", "s3": "InternalError"}


@dataclass(frozen=True)
class FaultPlan:
    """Chances, 0 to 1. Of each delivery: `duplicate`, `drop`, `delay` (by up to `longest_delay` seconds), `bus_refuses` (a rule's target).

    Of each AWS call: `fault` (one of `kinds`), `stale` (a read that may be old is), `preempt` (something else happens in between).
    Of each run of a function: `crash`, before or after one of its first twelve calls.
    `merciful`: the last attempt at a delivery is spared, so that whatever ends with the dead letters is there by somebody's mistake.
    """

    duplicate: float = 0.0
    drop: float = 0.0
    delay: float = 0.0
    longest_delay: float = 300.0
    bus_refuses: float = 0.0
    fault: float = 0.0
    kinds: tuple[Kind, ...] = KINDS
    stale: float = 0.0
    preempt: float = 0.0
    crash: float = 0.0
    merciful: bool = True

    @classmethod
    def rough(cls, chance: random.Random) -> "FaultPlan":
        """Some of everything; for each run, each site is on with a chance of one in two, so that runs differ in kind."""
        full = cls(duplicate=0.1, delay=0.1, bus_refuses=0.1, fault=0.03, stale=0.2, preempt=0.05, crash=0.05)
        chances = [item.name for item in fields(cls) if item.type == "float" or item.type is float]
        off = {name: 0.0 for name in chances if name != "longest_delay" and chance.random() < 0.5}
        return replace(full, **off)  # type: ignore[arg-type]  # these are floats

    def calm(self) -> "FaultPlan":
        """None of it."""
        return FaultPlan()


class Preempt(Protocol):
    """Lets something else happen in the middle of a call."""

    def __call__(self) -> None:
        """One step of anything."""
        ...


@dataclass
class _Ordered:
    """A fault that a test has ordered."""

    service: str
    operation: str
    error: str
    left: int


@dataclass
class Faults:
    """Decides about every call. `fired` counts: `throttled dynamodb.PutItem`, `crash before dynamodb.Query`, `stale ecs.ListTasks`."""

    plan: FaultPlan
    chance: random.Random
    note: Callable[[str], None]
    preempt: Preempt
    services: dict[str, Any] = field(default_factory=dict)
    fired: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    in_function: bool = False
    _ordered: list[_Ordered] = field(default_factory=list)
    _stale: int = 0
    _preemptions: list[int] = field(default_factory=list)
    _crash_next: tuple[int, Moment] | None = None
    _crash_at: tuple[int, Moment] | None = None
    _number: int = 0
    _spared: bool = False

    def order(self, service: str, operation: str, error: str, times: int = 1) -> None:
        """The next calls of that operation (`*` = any) fail so: a `Kind`, or an error code of AWS's."""
        self._ordered.append(_Ordered(service, operation, error, times))

    def crash_next(self, call_number: int, moment: Moment = "before") -> None:
        """The function that runs next dies around its call of this number, from 0."""
        self._crash_next = (call_number, moment)

    def stale_next(self, times: int = 1) -> None:
        """The next reads that may be old are."""
        self._stale += times

    def preempt_next(self, call_number: int) -> None:
        """Something else happens before the call of this number in the function that runs next."""
        self._preemptions.append(call_number)

    def calm(self) -> None:
        """No more faults, ordered ones included."""
        self.plan = self.plan.calm()
        self._ordered.clear()
        self._preemptions.clear()
        self._stale, self._crash_next, self._crash_at = 0, None, None

    def begin(self, *, last: bool = False, function: bool = True) -> tuple[Any, ...]:
        """A function starts; what has to be given back to `end`. `last`: there will be no other attempt at what it does.

        Without `function` it is a delivery, which may lead to one: an ordered crash waits for that.
        """
        kept = (self._number, self._crash_at, self.in_function, self._spared)
        self._number, self.in_function, self._spared = 0, function, last and self.plan.merciful
        self._crash_at = None
        if function:
            self._crash_at, self._crash_next = self._crash_next, None
        if self._crash_at is None and not self._spared and self.chance.random() < self.plan.crash:
            self._crash_at = (self.chance.randrange(12), self.chance.choice(("before", "after")))
        return kept

    def end(self, kept: tuple[Any, ...]) -> None:
        """It has ended."""
        self._number, self._crash_at, self.in_function, self._spared = kept

    def around(self, call: Call, proceed: Proceed) -> Any:
        """One call."""
        number, self._number = self._number, self._number + 1
        self.calls[str(call)] += 1
        if self.in_function:
            self._interrupt(number)
            self._die(number, "before", call)
        try:
            return self._made(call, proceed)
        finally:  # also after a call that AWS has refused: the refusal is known to nobody then
            if self.in_function:
                self._die(number, "after", call)

    def _made(self, call: Call, proceed: Proceed) -> Any:
        error = self._error(call)
        if error in {"throttled", "unavailable", "refused"} or (error and error not in KINDS):
            self._count(f"{error} {call}")
            raise self._refusal(call, error)
        found = self._read(call, proceed)
        if error == "lost":
            self._count(f"lost {call}")
            raise unanswered(call.service)
        if error == "repeated":
            self._count(f"repeated {call}")
            return proceed()
        return found

    def _read(self, call: Call, proceed: Proceed) -> Any:
        service: Any = self.services.get(call.service)  # only those that can be stale are here
        reads = call.operation.startswith(("Describe", "List", "Query", "Get")) and not call.parameters.get("ConsistentRead")
        if not reads or service is None:
            return proceed()
        service.stale = self._is_stale()
        if service.stale:
            self._count(f"stale {call}")
        try:
            return proceed()
        finally:
            service.stale = False

    def _is_stale(self) -> bool:
        if self._stale:
            self._stale -= 1
            return True
        return bool(self.plan.stale) and self.chance.random() < self.plan.stale

    def _error(self, call: Call) -> str:
        for order in self._ordered:
            if order.left and order.service in {"*", call.service} and order.operation in {"*", call.operation}:
                order.left -= 1
                return order.error
        if self.plan.fault and self.in_function and not self._spared and self.chance.random() < self.plan.fault:
            return self.chance.choice(self.plan.kinds)
        return ""

    def _refusal(self, call: Call, error: str) -> Exception:
        if error == "refused":
            return unreachable(call.service)
        if error == "throttled":
            return refusal(call.operation, _THROTTLED.get(call.service, "ThrottlingException"), "Rate exceeded")
        if error == "unavailable":
            return refusal(call.operation, _UNAVAILABLE.get(call.service, "InternalServerException"), "Internal error")
        return refusal(call.operation, error)

    def _interrupt(self, number: int) -> None:
        if number in self._preemptions:
            self._preemptions.remove(number)
        elif not self.plan.preempt or self.chance.random() >= self.plan.preempt:
            return
        self._count("preempted")
        self.preempt()

    def _die(self, number: int, moment: Moment, call: Call) -> None:
        if self._crash_at == (number, moment):
            self._crash_at = None
            self._count(f"crash {moment} {call}")
            raise Crash

    def _count(self, what: str) -> None:
        self.fired[what] += 1
        self.note(f"  fault: {what}")
