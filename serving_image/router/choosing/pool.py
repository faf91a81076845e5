"""The ready targets of one version, and the choice among them: where a conversation is at home, or the less loaded of two."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import Final

from router.choosing.seats import HOME, SPILLED, Going, Load, Seat

Chance = Callable[[], float]
"""A number from 0 (included) to 1."""

_POINTS: Final = 64
_UNLOADED: Final = 4  # an engine works on a few requests at once as fast as on one
_NEIGHBOURS: Final = 2


class Pool:
    """Targets without weight take part only where none has any. Unequal weights count beside the load; even ones cost nothing."""

    __slots__ = ("_cumulative", "_ring", "load", "seats")

    def __init__(self, seats: Sequence[Seat]) -> None:
        weighted = [seat for seat in seats if seat.target.weight] or list(seats)
        self.seats = tuple(weighted)
        weights = [seat.target.weight or 1 for seat in weighted]
        even = max(weights) - min(weights) <= 1  # what does not divide among equals
        self._cumulative = None if even else tuple(accumulate(weights))
        self._ring: tuple[tuple[int, ...], tuple[Seat, ...]] | None = None
        self.load = Load()
        self.load.shared = len(self.seats) > 1
        self.load.total = sum(seat.load for seat in self.seats)
        for seat in self.seats:
            seat.pool = self.load

    def choose(self, going: Going, affinity: int | None, chance: Chance) -> Seat:
        """A seat; none of them may sit out (see `among` for that). `going.way` says afterwards which way a conversation's request goes."""
        seats = self.seats
        if len(seats) == 1:
            return seats[0]
        if affinity is not None:
            home = self._at_home(going, affinity)
            if home is not None:
                return home
        return self._lesser(chance)

    def among(self, usable: Collection[Seat], going: Going, affinity: int | None, chance: Chance) -> Seat:
        """The same among some of the seats: nearest to the conversation's home, or the least loaded."""
        if affinity is not None and len(usable) > 1:
            near = self._at_home(going, affinity, usable)
            if near is not None:
                return near
        drawn = [(seat.load / (seat.target.weight or 1), chance(), seat) for seat in usable]
        return min(drawn, key=lambda each: each[:2])[2]

    def _at_home(self, going: Going, affinity: int, usable: Collection[Seat] | None = None) -> Seat | None:
        """The first seats on the ring behind the conversation's place that are not above their bound: 5/4 of the mean, and a few."""
        points, owners = self._ring or self._make_ring()
        bound = max(_UNLOADED, -(-5 * (self.load.total + 1) // (4 * len(self.seats))))
        place = bisect_right(points, affinity) % len(points)
        seat = owners[place]
        if usable is None and seat.load < bound:
            going.way = HOME
            return seat
        seen: list[Seat] = []
        for step in range(len(points)):
            seat = owners[(place + step) % len(points)]
            if seat in seen:
                continue
            seen.append(seat)
            if seat.load < bound and (usable is None or seat in usable):
                going.way = HOME if len(seen) == 1 else SPILLED
                return seat
            if len(seen) > _NEIGHBOURS and usable is None:
                break
        going.way = SPILLED
        return None

    def _lesser(self, chance: Chance) -> Seat:
        """The less loaded of two, drawn by weight."""
        seats, cumulative = self.seats, self._cumulative
        count = len(seats)
        if cumulative is None:
            first = int(chance() * count)
            second = int(chance() * (count - 1))
            one, other = seats[first], seats[second + (second >= first)]
            if other.load < one.load:
                one, other = other, one
        else:
            one, other = (seats[bisect_right(cumulative, chance() * cumulative[-1])] for _ in range(2))
            if other.load * one.target.weight < one.load * other.target.weight:
                one, other = other, one
        if one is not other:
            other.passed_over()
        return one

    def _make_ring(self) -> tuple[tuple[int, ...], tuple[Seat, ...]]:
        placed = sorted(
            ((_point(seat.key, number), seat) for seat in self.seats for number in range(_POINTS)),
            key=lambda point: point[0],
        )
        self._ring = tuple(point for point, _ in placed), tuple(seat for _, seat in placed)
        return self._ring


def _point(key: str, number: int) -> int:
    return int.from_bytes(blake2b(f"{key}#{number}".encode(), digest_size=8).digest(), "big")
