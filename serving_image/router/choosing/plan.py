"""A route made ready for choosing: a pool for each version that answers, and the split of the traffic over them."""

from collections.abc import Callable

from router.choosing.pool import Pool
from router.choosing.seats import Seat, Standing
from router.choosing.split import Split
from router.routes import Prepared, Target


class Plan:
    """`only`: the one pool, where there is but one that gets traffic; `split` is None then. `candidate`: what a canary pin means."""

    __slots__ = ("_spare", "candidate", "only", "pools", "prepared", "split", "standing")

    def __init__(self, prepared: Prepared, seat_of: Callable[[Target], Seat]) -> None:
        self.prepared = prepared
        seats: dict[str, list[Seat]] = {}
        for target in prepared.ready:
            seats.setdefault(target.row.version, []).append(seat_of(target))
        self.pools = {version: Pool(held) for version, held in seats.items()}
        self.standing = next((held[0].standing for held in seats.values()), Standing())
        weights = _weights(prepared)
        served = [(version, weight) for version, weight in weights if version in self.pools]
        if any(weight for _, weight in served):
            served = [(version, weight) for version, weight in served if weight]
        self.split = Split(weights) if len(served) > 1 else None
        self._spare = Split(served) if len(served) > 1 else None
        self.only = self.pools[served[0][0]] if len(served) == 1 else next(iter(self.pools.values()), None) if not served else None
        self.candidate = _candidate(prepared, self.pools)

    def at(self, slot: int) -> Pool | None:
        """The pool of a slot; what belongs to a version without targets goes to the others, whose own slots stay as they are."""
        if self.split is None or self._spare is None:
            return self.only
        return self.pools.get(self.split.at(slot)) or self.pools[self._spare.at(slot)]


def _weights(prepared: Prepared) -> list[tuple[str, int]]:
    """As the route says; else each version has what its targets have, the route's own version first."""
    route = prepared.route
    if route.versions:
        return [(share.version, share.weight) for share in route.versions]
    sums: dict[str, int] = {}
    for target in prepared.ready:
        sums[target.row.version] = sums.get(target.row.version, 0) + target.row.weight
    return sorted(sums.items(), key=lambda share: (share[0] != route.version, _order(share[0])))


def _candidate(prepared: Prepared, pools: dict[str, Pool]) -> str:
    """The version named last that is not the route's own; where none is named, the newest that answers beside it. Empty for none."""
    route = prepared.route
    named = [share.version for share in route.versions] or sorted(pools, key=_order)
    return next((version for version in reversed(named) if version != route.version and version in pools), "")


def _order(version: str) -> tuple[tuple[int, ...], bool, str]:
    """Semantic versions in order; one that is not released yet comes before its release."""
    numbers, _, rest = version.partition("+")[0].partition("-")
    return tuple(int(part) for part in numbers.split(".") if part.isdigit()), not rest, rest
