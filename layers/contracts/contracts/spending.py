"""What is spent of a limit, and what routers have leased of the rest: the arithmetic of one row; standard library only.

One row of the spend table stands for one subject (a token, a group, a model) in one period. Routers write it, each under the condition
that nobody wrote since it was read, so every row below follows from the one before by exactly one call of `renew` or `end`.

    limit >= spent + what is leased and not yet spent

holds after every call that grants something; what is granted is only ever taken from the difference. A lease that is not renewed in time
counts as spent in full: whoever held it may have used it and died before saying so, and may even go on using it. So nothing is ever granted
twice, and the price of a router that dies is at most what it had leased. Leases of places (`forfeits` False) come back instead: what a
dead router had under way has died with it.

Amounts are (requests or places, tokens, micro-dollars). A limit of None is no limit.
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Self

SPEND_PREFIX: Final = "SPEND#"
LEDGER_PREFIX: Final = "LEDGER#"
THRESHOLDS: Final = (50, 80, 100)
UNITS: Final = ("requests", "tokens", "usd")
_TOLD: Final = (1, 2)

Amounts = tuple[int, int, int]
Limit = tuple[int | None, int | None, int | None]
Period = Literal["minute", "day", "month", "now"]
NOTHING: Final[Amounts] = (0, 0, 0)
_KEPT: Final = {"minute": timedelta(hours=1), "day": timedelta(days=35), "month": timedelta(days=400)}
MICRO: Final = 1_000_000
_OUTBOX_SHARDS: Final = 4


@dataclass(frozen=True, slots=True)
class Window:
    """One period of one kind, in UTC: `sk` is the row's sort key; `starts` and `ends` in seconds since 1970, 0 for what never ends."""

    period: Period
    sk: str
    starts: int
    ends: int

    @property
    def row_expires_at(self) -> int | None:
        """When the table may forget the row; None for never."""
        kept = _KEPT.get(self.period)
        return None if kept is None else self.ends + int(kept.total_seconds())


def window_of(period: Period, moment: float) -> Window:
    """The period of this kind in which `moment` (seconds since 1970) lies."""
    at = datetime.fromtimestamp(moment, UTC).replace(second=0, microsecond=0)
    if period == "now":
        return Window(period, "NOW", 0, 0)
    if period == "minute":
        return _window(period, f"MINUTE#{at:%Y-%m-%dT%H:%M}", at, at + timedelta(minutes=1))
    start = at.replace(hour=0, minute=0)
    if period == "day":
        return _window(period, f"DAY#{start:%Y-%m-%d}", start, start + timedelta(days=1))
    start = start.replace(day=1)
    return _window(period, f"MONTH#{start:%Y-%m}", start, (start + timedelta(days=32)).replace(day=1))


def _window(period: Period, sk: str, start: datetime, end: datetime) -> Window:
    return Window(period, sk, int(start.timestamp()), int(end.timestamp()))


def partition_of(kind: str, subject_id: str) -> str:
    """The partition that holds every period of a subject."""
    return f"{SPEND_PREFIX}{kind}#{subject_id}"


@dataclass(frozen=True, slots=True)
class Lease:
    """What one router has leased in this period, and how much of it is spent: both only ever told as totals, so that saying them twice
    changes nothing. `expires_at` in seconds since 1970."""

    granted: Amounts
    used: Amounts
    expires_at: int


@dataclass(frozen=True, slots=True)
class Account:
    """One row. `closed`: spent under leases that were given back; `forfeited`: leased and never heard of again, counted as spent;
    `told`: the highest threshold announced for tokens and micro-dollars."""

    closed: Amounts = NOTHING
    forfeited: Amounts = NOTHING
    leases: Mapping[str, Lease] = field(default_factory=dict)
    told: Amounts = NOTHING

    @property
    def spent(self) -> Amounts:
        """Everything used, and everything that must be taken for used."""
        return total(self.closed, self.forfeited, *(lease.used for lease in self.leases.values()))

    @property
    def reserved(self) -> Amounts:
        """Leased and not spent as far as is known."""
        return total(NOTHING, *(positive(minus(lease.granted, lease.used)) for lease in self.leases.values()))

    def pool(self, limit: Limit, holder: str) -> Limit:
        """What is neither spent nor leased by others, of what is limited; negative where the limit was lowered or overdrawn."""
        others = (greater(lease.granted, lease.used) for name, lease in self.leases.items() if name != holder)
        bound = total(self.closed, self.forfeited, *others)
        return _limit(*(None if most is None else most - taken for most, taken in zip(limit, bound, strict=True)))

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """The account in a row's document; ValueError for one that is none."""
        try:
            leases = {
                str(name): Lease(amounts(held["granted"]), amounts(held["used"]), int(held["expires_at"]))
                for name, held in document.get("leases", {}).items()
            }
            closed, forfeited = (amounts(document.get(name, NOTHING)) for name in ("closed", "forfeited"))
            return cls(closed, forfeited, leases, amounts(document.get("told", NOTHING)))
        except (KeyError, TypeError, AttributeError) as error:
            message = "not the document of a spend row"
            raise ValueError(message) from error

    def document(self) -> dict[str, Any]:
        """JSON types only."""
        leases = {
            name: {"granted": list(held.granted), "used": list(held.used), "expires_at": held.expires_at}
            for name, held in self.leases.items()
        }
        return {"closed": list(self.closed), "forfeited": list(self.forfeited), "leases": leases, "told": list(self.told)}

    def text(self) -> str:
        """The row's `document` attribute."""
        return json.dumps(self.document(), separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Claim:
    """What a router says and asks. All but `need` and `want` are totals of its present lease.

    `used`: settled; `taken`: settled or held for what is under way, at least `used`; `need`: must be free beyond that for the next request;
    `want`: would be good to have free. `routers`: how many share.
    """

    used: Amounts
    taken: Amounts
    need: Amounts = NOTHING
    want: Amounts = NOTHING
    routers: int = 1


def expire(account: Account, now: int, *, forfeits: bool = True, holder: str = "") -> Account:
    """The account without leases whose time is over; that of the `holder` who asks stays, as long as nobody else has counted it as lost."""
    over = {name: lease for name, lease in account.leases.items() if lease.expires_at <= now and name != holder}
    if not over:
        return account
    kept = {name: lease for name, lease in account.leases.items() if name not in over}
    if not forfeits:
        return replace(account, leases=kept)
    closed = total(account.closed, *(lease.used for lease in over.values()))
    lost = total(account.forfeited, *(positive(minus(lease.granted, lease.used)) for lease in over.values()))
    return replace(account, closed=closed, forfeited=lost, leases=kept)


def renew(
    account: Account, holder: str, claim: Claim, limit: Limit, now: int, *, expires_at: int, forfeits: bool = True
) -> tuple[Account, Lease]:
    """The account with the holder's lease as it shall be from now on: what is taken, and as much free room as there is and is asked for.

    A larger or a smaller lease than before: room that is not asked for goes back to everybody. The lease never shrinks below what is taken,
    even where that is more than the limit: it has happened, and leaves nothing for others.
    """
    account = expire(account, now, forfeits=forfeits, holder=holder)
    pool = account.pool(limit, holder)
    free = amounts(_free(pool[d], claim, d) for d in range(3))
    lease = Lease(total(claim.taken, free), claim.used, expires_at)
    return replace(account, leases={**account.leases, holder: lease}), lease


def _free(pool: int | None, claim: Claim, dimension: int) -> int:
    """Room beyond what is taken: the need, and of the rest at most half of an equal share, so that the last goes in small parts."""
    if pool is None:
        return 0
    left = max(0, pool - claim.taken[dimension])
    fair = left // (2 * max(1, claim.routers))
    return min(left, max(claim.need[dimension], min(claim.want[dimension], fair)))


def end(account: Account, holder: str, used: Amounts) -> Account:
    """The account after the holder has given its lease back, having used so much of it. Nothing if the lease is over already: then all of
    it counts as spent, what is told here included."""
    lease = account.leases.get(holder)
    if lease is None:
        return account
    rest = {name: held for name, held in account.leases.items() if name != holder}
    return replace(account, closed=total(account.closed, used), leases=rest)


@dataclass(frozen=True, slots=True)
class Crossing:
    """A share of a budget (`unit`: `tokens` or `usd`) that was not spent before this write, and is now."""

    unit: Literal["tokens", "usd"]
    threshold: int
    budget: int
    spent: int


def crossings(account: Account, limit: Limit) -> tuple[Account, tuple[Crossing, ...]]:
    """Thresholds that are reached and not yet told, lowest first, and the account in which they are."""
    found: list[Crossing] = []
    told = list(account.told)
    spent = account.spent
    for dimension in _TOLD:
        budget = limit[dimension]
        if budget is None:
            continue
        reached = [share for share in THRESHOLDS if share > told[dimension] and spent[dimension] * 100 >= share * budget]
        unit: Literal["tokens", "usd"] = "tokens" if dimension == 1 else "usd"
        found += [Crossing(unit, share, budget, spent[dimension]) for share in reached]
        told[dimension] = max(told[dimension], *reached, 0) if reached else told[dimension]
    return (replace(account, told=amounts(told)), tuple(found)) if found else (account, ())


def ledger_key(window: Window, crossing: Crossing) -> str:
    """The sort key of the fact of this crossing: one each, whoever writes it."""
    return f"{LEDGER_PREFIX}{window.sk}#{crossing.unit}#{crossing.threshold}"


def outbox_of(pk: str) -> str:
    """The partition of the markers of facts that are not announced yet, as the context's sweep looks for them."""
    return f"OUTBOX#{zlib.crc32(pk.encode()) % _OUTBOX_SHARDS}"


def micro_dollars(usd: float) -> int:
    """US dollars as whole micro-dollars."""
    return round(usd * MICRO)


def dollars(micro: int) -> float:
    """Micro-dollars as US dollars."""
    return micro / MICRO


def _limit(*values: int | None) -> Limit:
    first, second, third = values
    return (first, second, third)


def amounts(values: Iterable[Any]) -> Amounts:
    """Three values as amounts; ValueError or TypeError for what is none."""
    first, second, third = (int(value) for value in values)
    return (first, second, third)


def total(*parts: Amounts) -> Amounts:
    """The amounts added up."""
    return (sum(each[0] for each in parts), sum(each[1] for each in parts), sum(each[2] for each in parts))


def minus(one: Amounts, other: Amounts) -> Amounts:
    """What is left of the one without the other; negative where there was less."""
    return (one[0] - other[0], one[1] - other[1], one[2] - other[2])


def greater(one: Amounts, other: Amounts) -> Amounts:
    """Of each kind the greater."""
    return (max(one[0], other[0]), max(one[1], other[1]), max(one[2], other[2]))


def lesser(one: Amounts, other: Amounts) -> Amounts:
    """Of each kind the lesser."""
    return (min(one[0], other[0]), min(one[1], other[1]), min(one[2], other[2]))


def positive(given: Amounts) -> Amounts:
    """The same, and nothing where it is negative."""
    return greater(given, NOTHING)
