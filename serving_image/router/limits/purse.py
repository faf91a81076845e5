"""What this router may use of one limit in one period, and what it has used of it. On the event loop's thread.

Of a minute, and of places, each router may use a standing share without asking: half of an equal part. So the first request of a minute
waits for nothing, and who uses little never costs a write. Everything else is leased from the row that all routers share; of budgets
all is.
"""

import asyncio

from contracts.spending import (
    NOTHING,
    Account,
    Amounts,
    Claim,
    Lease,
    Limit,
    Window,
    amounts,
    greater,
    lesser,
    minus,
    partition_of,
    positive,
    total,
)

BOUNDLESS = 1 << 62
"""More than any limit: what is not limited has so much room."""
_STANDING = frozenset({"minute", "now"})


class Purse:
    """`free_*` is what requests may still take, `allow_*` all that they might have (requests or places, tokens, micro-dollars).

    `settled_*` is used for certain; allow - free - settled is held for requests under way. `low_*`: below that more is fetched ahead.
    `beyond`: what else nobody had leased when the row was seen last. `retired`: takes no more, and is only waited for.
    `task`: the write under way.
    """

    __slots__ = (
        "account", "allow_r", "allow_t", "allow_u", "at_flush", "beyond", "changed", "confirmed", "dead", "dry_until", "expires_at",
        "free_r", "free_t", "free_u", "granted", "kind", "leased", "limit", "low_r", "low_t", "low_u", "name", "others", "overdrawn", "pk",
        "places", "retired", "revision", "routers", "settled_t", "settled_u", "standing", "subject_id", "task", "unsure", "waiting",
        "window",
    )  # fmt: skip

    def __init__(self, kind: str, subject_id: str, window: Window, limit: Limit, *, name: str, routers: int) -> None:
        self.kind, self.subject_id, self.window, self.name, self.routers = kind, subject_id, window, name, routers
        self.pk = partition_of(kind, subject_id)
        self.places = window.period == "now"
        self.account: Account | None = None
        self.revision = 0
        self.granted: Amounts = NOTHING
        self.confirmed: Amounts = NOTHING
        self.at_flush = self.waiting = self.others = NOTHING
        self.allow_r = self.allow_t = self.allow_u = BOUNDLESS
        self.free_r = self.free_t = self.free_u = BOUNDLESS
        self.settled_t = self.settled_u = 0
        self.expires_at = self.dry_until = 0.0
        self.dead = self.leased = self.overdrawn = self.retired = self.unsure = False
        self.task: asyncio.Task[None] | None = None
        self.limit: Limit = limit
        self.standing: Amounts = NOTHING
        self.beyond: Amounts = NOTHING
        self.low_r = self.low_t = self.low_u = -BOUNDLESS
        self.bound(limit)
        self.changed = False
        self.beyond = _of(self.shared(), self.limit)

    def bound(self, limit: Limit) -> None:
        """The limit is another from now on: of what was leased under the old one, no more than the new one is used."""
        self.limit, self.changed = limit, True
        if self.window.period in _STANDING:
            self.standing = amounts(0 if most is None else most // (2 * self.routers) for most in limit)
        within = zip(self.granted, limit, strict=True)
        self.granted = amounts(0 if most is None else min(leased, most) for leased, most in within)
        self._allow()
        self.dry_until = 0.0

    def shared(self) -> Limit:
        """What the row is for: the limit without the standing shares."""
        rest = (None if most is None else most - self.routers * own for most, own in zip(self.limit, self.standing, strict=True))
        first, second, third = rest
        return (first, second, third)

    @property
    def taken(self) -> Amounts:
        """Used, or held for what is under way."""
        return (self.allow_r - self.free_r, self.allow_t - self.free_t, self.allow_u - self.free_u)

    @property
    def held(self) -> bool:
        """Whether something is under way."""
        taken = self.taken
        if self.places:
            return taken[0] > 0
        return taken[1] != self.settled_t or taken[2] != self.settled_u

    @property
    def used(self) -> Amounts:
        """Used for certain."""
        return (0 if self.places else self.taken[0], self.settled_t, self.settled_u)

    def short(self, tokens: int, usd: int) -> bool:
        """Whether there is no room for a request of this size."""
        return self.free_r < 1 or self.free_t < tokens or self.free_u < usd

    def claim(self, need: Amounts, want: Amounts) -> Claim:
        """What is told and asked for at the row; of what is limited alone, and beyond the standing share."""
        taken = _of(self.limit, self.taken)
        if self.window.period in _STANDING:
            shared = positive(minus(taken, self.standing))
            return Claim(NOTHING if self.places else shared, shared, _of(self.limit, need), _of(self.limit, want), self.routers)
        used = _of(self.limit, self.used)
        return Claim(used, greater(taken, used), _of(self.limit, need), _of(self.limit, want), self.routers)

    def give_up(self, keep: Amounts) -> None:
        """Use no more than `keep` beyond what is taken (and the standing share), before others are told that they may."""
        taken = self.taken
        r, t, u = (more + max(0, own - used) for more, own, used in zip(keep, self.standing, taken, strict=True))
        if self.allow_r < BOUNDLESS and self.free_r > r:
            self.allow_r, self.free_r = taken[0] + r, r
        if self.allow_t < BOUNDLESS and self.free_t > t:
            self.allow_t, self.free_t = taken[1] + t, t
        if self.allow_u < BOUNDLESS and self.free_u > u:
            self.allow_u, self.free_u = taken[2] + u, u
        self.granted = positive(lesser(self.granted, minus((self.allow_r, self.allow_t, self.allow_u), self.standing)))
        self.confirmed = lesser(self.confirmed, self.granted)

    @property
    def room(self) -> Amounts:
        """What is free of the lease, of what is limited; the standing share is not in it."""
        free = _of(self.limit, (self.free_r, self.free_t, self.free_u))
        return positive(lesser(free, self.granted))

    def receive(self, account: Account, lease: Lease, revision: int) -> None:
        """The row is so now, and this is ours of it."""
        self.account, self.revision, self.leased = account, revision, True
        self.granted = self.confirmed = lease.granted
        self.expires_at, self.overdrawn = lease.expires_at, False
        self._look(account, lease)
        self._allow()

    def returned(self, account: Account, revision: int, name: str) -> None:
        """The row is so now, and nothing of it is ours: the next lease begins anew, under another name."""
        self.account, self.revision, self.leased, self.name = account, revision, False, name
        self.granted = self.confirmed = self.at_flush = NOTHING
        self.settled_t = self.settled_u = 0
        self.allow_r = self.allow_t = self.allow_u = self.free_r = self.free_t = self.free_u = BOUNDLESS
        self._look(account, None)
        self._allow()

    def lease_anew(self, name: str) -> None:
        """The lease was over before it was renewed, and nothing of it counts any more."""
        self.leased, self.name, self.granted, self.confirmed = False, name, NOTHING, NOTHING
        self._allow()

    @property
    def debt(self) -> Amounts:
        """What is used beyond the lease that others have counted as lost: the next lease has to answer for it."""
        taken = _of(self.limit, self.taken)
        return positive(minus(taken, self.confirmed))

    def carry(self, debt: Amounts) -> None:
        """So much was used already."""
        self.free_r, self.free_t, self.free_u = self.free_r - debt[0], self.free_t - debt[1], self.free_u - debt[2]
        self.settled_t, self.settled_u = self.settled_t + debt[1], self.settled_u + debt[2]
        self.changed = True

    def overdraw(self, share: Amounts) -> None:
        """The row cannot be reached: go on with so much more, once."""
        self.overdrawn = True
        self.granted = total(self.granted, share)
        self._allow()

    def _look(self, account: Account, lease: Lease | None) -> None:
        pool = account.pool(self.shared(), self.name)
        own = lease.granted if lease else NOTHING
        self.beyond = amounts(0 if left is None else max(0, left - mine) for left, mine in zip(pool, own, strict=True))
        self.others = minus(account.reserved, positive(minus(own, lease.used)) if lease else NOTHING)

    def _allow(self) -> None:
        """Put the room right: the standing share and the lease, less what is taken."""
        taken = self.taken
        allow = [
            BOUNDLESS if most is None else own + leased for most, own, leased in zip(self.limit, self.standing, self.granted, strict=True)
        ]
        self.allow_r, self.allow_t, self.allow_u = allow
        self.free_r, self.free_t, self.free_u = (each - used for each, used in zip(allow, taken, strict=True))
        asks = self.beyond != NOTHING
        free = zip(self.limit, (self.free_r, self.free_t, self.free_u), strict=True)
        low = [-BOUNDLESS if most is None or not asks else left // 4 for most, left in free]
        self.low_r, self.low_t, self.low_u = low


def _of(limit: Limit, given: Limit) -> Amounts:
    """The amounts of what is limited, 0 for the rest."""
    return amounts(0 if most is None or amount is None else amount for most, amount in zip(limit, given, strict=True))
