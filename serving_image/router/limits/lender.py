"""Leases: fetched when room runs low, settled every few seconds, given back when nothing asks for them.

Everything is decided on the event loop's thread; only reads and writes of the table happen in others. One write a purse at a time. Before
less is told than is held, less is used; more is used only once it is written. So whatever becomes of a write (it happens or not, its answer
is lost, the process dies), the row never promises others what is used here.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final, Protocol

from contracts.spending import (
    NOTHING,
    Account,
    Amounts,
    Lease,
    Limit,
    amounts,
    crossings,
    end,
    expire,
    greater,
    lesser,
    minus,
    positive,
    renew,
    total,
)
from router.idents import ulid
from router.limits.facts import told
from router.limits.purse import Purse
from router.limits.spend_table import Overtaken, Row, SpendUnavailable, Told
from router.log import Log
from router.metrics import Metrics

_TRIES: Final = 6
_TOGETHER: Final = 4
_MOST: Final = 1 << 60
_NOBODYS: Final = ("SPEND", "NOW")


class Spending(Protocol):
    """The rows that all routers share; blocking."""

    def read(self, pk: str, sk: str) -> Row:
        """The row as of now; SpendUnavailable."""
        ...

    def write(self, pk: str, sk: str, row: Row, expires_at: int | None, told: Sequence[Told] = ()) -> None:
        """Write behind the revision that was read; Overtaken, SpendUnavailable."""
        ...


@dataclass(frozen=True)
class LendingRules:
    """Times in seconds. `slices`: a lease of a budget is at most this part of it, unless one request needs more. `strict`: while the table
    is away nothing is used beyond what is leased; otherwise a router goes on with one slice more."""

    settle_seconds: float = 2.0
    lease_seconds: float = 300.0
    places_seconds: float = 30.0
    away_seconds: float = 1.0
    slices: int = 50
    strict: bool = False


class Lender:
    """The way between purses and their rows. `lost` is told of a purse whose lease was over before it was renewed; `failed` is called when
    the table cannot be used, once for as long as it is not asked again."""

    def __init__(
        self,
        table: Spending,
        executor: Executor,
        rules: LendingRules,
        *,
        environment: str,
        router_id: str,
        metrics: Metrics,
        log: Log,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._table, self._executor, self._rules, self._now = table, executor, rules, now
        self._environment, self._router_id, self._metrics, self._log = environment, router_id, metrics, log
        self._incarnation, self._leases = f"{router_id[:32]}.{ulid()[-10:]}", 0
        self._active: dict[Purse, None] = {}
        self._away_until = 0.0
        self.lost: Callable[[Purse], None] = lambda _purse: None
        self.failed: Callable[[], None] = lambda: None

    def new_name(self) -> str:
        """The name of a lease that nobody ever had: of this process alone."""
        self._leases += 1
        return f"{self._incarnation}.{self._leases}"

    async def warm(self) -> bool:
        """Read a row that nobody has, so that the first lease finds a thread, a connection and credentials: a caller waits for it half a
        second at most. Whether the table answered; that it does not says nothing of leases that nobody has asked for."""
        with contextlib.suppress(SpendUnavailable):
            await asyncio.get_running_loop().run_in_executor(self._executor, self._table.read, *_NOBODYS)
            return True
        return False

    def fetch(self, purse: Purse) -> "asyncio.Task[None]":
        """Begin to fetch more for a purse, unless that is under way; never waits."""
        if purse.task is None:
            purse.task = asyncio.create_task(self._work(purse, self._grown))
        return purse.task

    async def grow(self, purse: Purse, need: Amounts, seconds: float) -> bool:
        """Fetch what a request needs, within so many seconds; where the table does not answer, use what may be used without it. False if
        there was no answer in time, or something else had been asked already and was waited for instead."""
        asked = purse.task is None
        purse.waiting = total(purse.waiting, need)
        try:
            _, late = await asyncio.wait({self.fetch(purse)}, timeout=max(0.0, seconds))
        finally:
            purse.waiting = minus(purse.waiting, need)
        if late and self._go_on_without(purse):
            self._metrics.lease_failures.inc()
        return asked and not late

    def retire(self, purse: Purse) -> None:
        """The purse's period is over, or its limit is: what is under way is settled, the rest given back."""
        purse.retired = True
        if purse.leased and purse.window.period != "minute":
            self._active[purse] = None

    async def run(self) -> None:
        """Settle for ever."""
        while True:
            await asyncio.sleep(self._rules.settle_seconds)
            await self.settle()

    async def settle(self, *, last: bool = False) -> None:
        """Tell what was used, and give back what nothing asks for; `last`: everything that is not held for something under way."""
        if last:
            await asyncio.gather(*(purse.task for purse in tuple(self._active) if purse.task is not None))
        due = [purse for purse in tuple(self._active) if purse.task is None and self._is_due(purse, last=last)]
        for place in range(0, len(due), _TOGETHER):
            if self._now() < self._away_until and not last:
                return
            await asyncio.gather(*(self._settle_one(purse, last=last) for purse in due[place : place + _TOGETHER]))

    async def close(self, seconds: float) -> None:
        """Give everything back, within so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.settle(last=True)

    def _is_due(self, purse: Purse, *, last: bool) -> bool:
        period = purse.window.period
        if purse.dead or (period == "minute" and self._now() >= purse.window.ends):
            self._active.pop(purse, None)
            return False
        taken, room = purse.taken, purse.room
        if period == "minute":
            recent = _recent(purse)
            purse.at_flush = taken
            return purse.leased and any(left > 2 * moved for left, moved in zip(room, recent, strict=True))
        ageing = purse.leased and purse.expires_at - self._now() < self._lifetime(purse) / 2
        if purse.places:
            return last or ageing or room != NOTHING or not purse.held
        return last or ageing or purse.changed or purse.retired or taken != purse.at_flush or not purse.held

    def _lifetime(self, purse: Purse) -> float:
        return self._rules.places_seconds if purse.places else self._rules.lease_seconds

    async def _settle_one(self, purse: Purse, *, last: bool) -> None:
        if purse.task is not None:
            return
        step = self._emptied if last or purse.retired else self._shrunk
        unmoved = purse.places or last or purse.retired or (purse.taken == purse.at_flush and not purse.changed)
        if unmoved and not purse.held and purse.window.period != "minute":
            if purse.leased or purse.unsure:
                step = self._ended
            elif purse.places or purse.taken == NOTHING:
                self._active.pop(purse, None)
                return
        purse.task = asyncio.create_task(self._work(purse, step))
        await purse.task

    async def _work(self, purse: Purse, step: Callable[[Purse, Account, int], "_Change"]) -> None:
        """Read, decide, write, until nobody else wrote first."""
        try:
            if self._now() < self._away_until:
                raise SpendUnavailable("not asked again so soon")  # noqa: TRY301 - handled like any other
            for attempt in range(_TRIES):
                if await self._try(purse, step, fresh=attempt > 0):
                    return
                await asyncio.sleep(random.uniform(0.0, 0.005 * 2**attempt))  # noqa: S311 - jitter
            purse.account = None
        except SpendUnavailable as error:
            if self._now() >= self._away_until:
                self._away_until = self._now() + self._rules.away_seconds
                self._metrics.lease_failures.inc()
                self.failed()
                self._log.warning("spend table cannot be used, going on with what is held", reason=str(error))
            purse.account = None
            self._go_on_without(purse)
        finally:
            purse.task = None

    async def _try(self, purse: Purse, step: Callable[[Purse, Account, int], "_Change"], *, fresh: bool) -> bool:
        run = asyncio.get_running_loop().run_in_executor
        pk, window = purse.pk, purse.window
        if fresh or purse.account is None:
            row = await run(self._executor, self._table.read, pk, window.sk)
        else:
            row = Row(purse.account, purse.revision)
        now = int(self._now())
        account = expire(row.account, now, forfeits=not purse.places, holder=purse.name)
        if purse.leased and purse.name not in account.leases:
            if purse.window.period in {"day", "month"}:
                purse.dead = True
                self._active.pop(purse, None)
                self.lost(purse)
                return True
            purse.lease_anew(self.new_name())
        change = step(purse, account, now + int(self._lifetime(purse)))
        account, facts = self._facts(purse, change.account)
        purse.unsure = True  # until it is known what became of the write
        self._active[purse] = None
        try:
            await run(self._executor, self._table.write, pk, window.sk, Row(account, row.revision), window.row_expires_at, facts)
        except Overtaken:
            purse.unsure = False
            return False
        purse.unsure = False
        self._metrics.leases.inc()
        if change.lease is not None:
            purse.receive(account, change.lease, row.revision + 1)
        else:
            purse.returned(account, row.revision + 1, self.new_name())
            self._active.pop(purse, None)
        return True

    def _facts(self, purse: Purse, account: Account) -> tuple[Account, list[Told]]:
        if purse.window.period not in {"day", "month"}:
            return account, []
        account, crossed = crossings(account, purse.limit)
        return account, [told(purse, each, environment=self._environment, router_id=self._router_id) for each in crossed]

    # What a write does. Each is called with the row as it is, and may be called again with a newer one.

    def _grown(self, purse: Purse, account: Account, expires_at: int) -> "_Change":
        want = (_MOST, _MOST, _MOST) if purse.window.period == "minute" else _slice(purse.limit, self._rules.slices)
        return self._renewed(purse, account, greater(purse.waiting, purse.room), want, expires_at)

    def _shrunk(self, purse: Purse, account: Account, expires_at: int) -> "_Change":
        """Keep twice of what was taken since the last time; of places half, as they come and go."""
        room = purse.room
        keep = (room[0] // 2, 0, 0) if purse.places else lesser(room, _recent(purse))
        return self._kept(purse, account, keep, expires_at)

    def _emptied(self, purse: Purse, account: Account, expires_at: int) -> "_Change":
        return self._kept(purse, account, NOTHING, expires_at)

    def _kept(self, purse: Purse, account: Account, keep: Amounts, expires_at: int) -> "_Change":
        purse.give_up(keep)
        purse.at_flush, purse.changed = purse.taken, False
        return self._renewed(purse, account, keep, NOTHING, expires_at)

    def _ended(self, purse: Purse, account: Account, expires_at: int) -> "_Change":
        purse.give_up(NOTHING)
        if purse.held:  # a request came in between
            return self._renewed(purse, account, NOTHING, NOTHING, expires_at)
        return _Change(end(account, purse.name, purse.claim(NOTHING, NOTHING).used), None)

    def _renewed(self, purse: Purse, account: Account, need: Amounts, want: Amounts, expires_at: int) -> "_Change":
        claim = purse.claim(need, want)
        now = int(self._now())
        account, lease = renew(account, purse.name, claim, purse.shared(), now, expires_at=expires_at, forfeits=not purse.places)
        return _Change(account, lease)

    def _go_on_without(self, purse: Purse) -> bool:
        """The table does not answer. Rates and places go on with an equal share; budgets with a slice, if theirs of what was left when it
        was seen last is as much: so all routers together overspend by a slice each at most, or by nothing at all. Whether this purse goes
        on with more from now on."""
        if purse.overdrawn or purse.retired:
            return False
        if purse.window.period in {"minute", "now"}:
            equal = amounts(0 if most is None else most // purse.routers for most in purse.limit)
            share = positive(minus(minus(equal, purse.standing), purse.granted))
        elif self._rules.strict:
            return False
        else:
            share = lesser(_slice(purse.limit, self._rules.slices), amounts(each // purse.routers for each in purse.beyond))
        purse.overdraw(share)
        self._active[purse] = None
        return True


@dataclass(frozen=True, slots=True)
class _Change:
    """A row as it shall be, and what is ours of it; None if nothing is."""

    account: Account
    lease: Lease | None


def _slice(limit: Limit, slices: int) -> Amounts:
    """The most that is leased ahead of what is limited."""
    return amounts(0 if most is None else max(1, most // slices) for most in limit)


def _recent(purse: Purse) -> Amounts:
    """Twice what was taken since the last look."""
    moved = positive(minus(purse.taken, purse.at_flush))
    return total(moved, moved)
