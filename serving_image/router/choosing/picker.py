"""What requests ask: a target of the right version. Prepared once for each change of a route, so that a request builds nothing."""

import random
import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

from router.choosing.asked import CANARY, NOTHING, Asked
from router.choosing.bench import Bench, Fault, Rules
from router.choosing.memory import Cooldowns
from router.choosing.plan import Plan
from router.choosing.pool import Chance, Pool
from router.choosing.seats import Seat, Standing
from router.choosing.split import dealt, slot_of
from router.routes import Prepared, Target
from router.telling.usage import Usage

_NOBODY: Final[tuple[str, ...]] = ()
CONTROL_OF: Final = 128
"""One anonymous conversation in so many shows what the others gain (`gain`)."""


class Picker:
    """Chooses, and is told how it went. The last target standing is used even while it sits out: a doubtful answer beats none.

    Everything happens on the event loop's thread. `pick` counts the request as under way there; `done` must follow, whatever comes of it.
    """

    def __init__(
        self,
        cooldowns: Cooldowns,
        rules: Rules | None = None,
        on_eject: Callable[[str], None] = lambda _model_id: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Chance = random.random,
        control_of: int = CONTROL_OF,
    ) -> None:
        self._memory, self._chance, self._control_of = cooldowns, chance, control_of
        self._bench = Bench(rules or Rules(), cooldowns, clock, on_eject)
        self._seats: dict[str, Seat] = {}
        self._plans: dict[str, Plan] = {}
        self.standings: dict[str, Standing] = {}

    def pick(self, prepared: Prepared, asked: Asked = NOTHING, tried: Collection[str] = _NOBODY) -> Seat | None:
        """A seat that was not tried yet, of the route as it is now, or None."""
        plan = self._plans.get(prepared.route.model_id) or Plan(prepared, self._seat)
        pool = plan.only
        if pool is None or asked.pin is not None:
            pool = self._pool(plan, asked)
            if pool is None:
                return None
        if tried or plan.standing.out or self._memory.cooling():
            seat = self._carefully(plan, pool, asked, tried)
        else:
            seat = pool.seats[0] if len(pool.seats) == 1 else pool.choose(asked, asked.affinity(self._control_of), self._chance)
        if seat is not None:
            seat.begin()
        return seat

    def is_out(self, prepared: Prepared) -> bool:
        """Whether every ready target sits out now."""
        plan = self._plans.get(prepared.route.model_id)
        if plan is None or not plan.standing.out:
            return False
        now = self._bench.now()
        return all(seat.out_until > now for pool in plan.pools.values() for seat in pool.seats)

    def done(self, seat: Seat, asked: Asked) -> None:
        """The request is no longer under way."""
        seat.end(asked)

    def learned(self, model_id: str, asked: Asked, usage: Usage | None, first_seconds: float | None) -> None:
        """What an answered request tells of the way that it went."""
        standing = self.standings.get(model_id)
        if asked.way and standing is not None:
            standing.learn(asked.way, usage.input_tokens if usage else 0, usage.cached_tokens if usage else 0, first_seconds)

    def succeeded(self, seat: Seat, asked: Asked = NOTHING) -> None:
        """The target answered."""
        self._bench.answered(seat, asked)

    def failed(self, seat: Seat, asked: Asked, fault: Fault, seconds: float | None = None) -> None:
        """The target did not."""
        plan = self._plans.get(seat.key.partition("/")[0])
        pool = plan.pools.get(seat.target.row.version) if plan else None
        self._bench.failed(seat, asked, fault, pool.seats if pool else (seat,), seconds)

    def synchronise(self, routes: Mapping[str, Prepared]) -> None:
        """Follow the route table: what has not changed is not looked at, and targets keep what is known of them."""
        for name in [name for name in self._plans if name not in routes]:
            del self._plans[name]
        for name, prepared in routes.items():
            plan = self._plans.get(name)
            if plan is None or plan.prepared is not prepared:
                self._plans[name] = Plan(prepared, self._seat)
        known = {target.key for prepared in routes.values() for target in prepared.ready}
        for key in [key for key in self._seats if key not in known]:
            self._bench.put_in(self._seats.pop(key))
        self.standings = {name: standing for name, standing in self.standings.items() if name in routes}
        self._memory.keep(known)

    def _seat(self, target: Target) -> Seat:
        seat = self._seats.get(target.key)
        if seat is None or seat.target.origin != target.origin:
            if seat is not None:
                self._bench.put_in(seat)
            model_id = target.key.partition("/")[0]
            seat = self._seats[target.key] = Seat(target, self.standings.setdefault(model_id, Standing()))
        elif seat.target is not target:
            seat.follow(target)
        return seat

    def _pool(self, plan: Plan, asked: Asked) -> Pool | None:
        """The pool of the version that the request belongs to; None where that has no target, or there is none at all."""
        if asked.pin is not None:
            return plan.pools.get(plan.candidate if asked.pin == CANARY else asked.pin)
        if plan.split is None:
            return plan.only
        cohort = asked.cohort()
        if cohort is None:
            plan.standing.dealt += 1
            slot = dealt(plan.standing.dealt)
        else:
            slot = slot_of(plan.prepared.route.model_id, cohort)
        return plan.at(slot)

    def _carefully(self, plan: Plan, pool: Pool, asked: Asked, tried: Collection[str]) -> Seat | None:
        """While something sits out or was tried: one whose time is over is tried by one request; else one that does not sit out.

        A request that is not pinned goes to another version before it goes to a target that sits out.
        """
        now, cooling = self._bench.now(), self._memory.cooling()
        if not tried:
            for seat in pool.seats:
                if seat.out_until and seat.trial is None and now >= seat.out_until:
                    seat.trial = asked
                    return seat
        others = [other for other in plan.pools.values() if other is not pool] if asked.pin is None else []
        for each in (pool, *others):
            usable = [seat for seat in each.seats if not seat.out_until and seat.key not in tried and seat.key not in cooling]
            if usable:
                return each.among(usable, asked, asked.affinity(self._control_of) if len(usable) > 1 else None, self._chance)
        left = [seat for each in (pool, *others) for seat in each.seats if seat.key not in tried]
        if not left:
            return None
        seat = min(left, key=lambda each: (each.out_until, each.load))
        if seat.out_until and seat.trial is None:
            seat.trial = asked
        return seat
