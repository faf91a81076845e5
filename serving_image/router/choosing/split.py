"""How a route's traffic is shared by its versions: 10,000 slots, each of which belongs to exactly one of them.

A cohort (whoever shares a key) has one slot for good. The first version named stands in the middle and gives; the second grows from the
left and the third from the right, so that a cohort which has come to one of those stays with it for as long as its weight only grows.
The same weights make the same slots in every router, whatever was before.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

WHOLE: Final = 10_000
_STRIDE: Final = 6_181  # no factor in common with WHOLE, and near its golden section: every run of numbers spreads over the slots


class Split:
    """Which version each slot belongs to. Weights that do not add up to the whole are brought to it, each right to within one slot."""

    __slots__ = ("_bounds", "_versions", "weights")

    def __init__(self, weights: Sequence[tuple[str, int]]) -> None:
        self.weights = exact(weights)
        ordered = [*self.weights[1:2], *self.weights[3:], *self.weights[:1], *self.weights[2:3]]
        bounds, versions, reached = [], [], 0
        for version, weight in ordered:
            if weight:
                reached += weight
                bounds.append(reached)
                versions.append(version)
        self._bounds, self._versions = tuple(bounds), tuple(versions)

    def at(self, slot: int) -> str:
        """The version of a slot, 0 to 9,999."""
        for place, bound in enumerate(self._bounds):
            if slot < bound:
                return self._versions[place]
        raise IndexError(slot)


def exact(weights: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """The same shares in parts of the whole, by largest remainder; equal ones where no version has any weight."""
    if not weights:
        raise ValueError("a split needs a version")
    total = sum(weight for _, weight in weights)
    if total == WHOLE:
        return tuple(weights)
    parts = [weight for _, weight in weights] if total else [1] * len(weights)
    total = total or len(parts)
    shares = [divmod(part * WHOLE, total) for part in parts]
    left = WHOLE - sum(share for share, _ in shares)
    first = sorted(range(len(shares)), key=lambda place: (-shares[place][1], place))[:left]
    return tuple((version, shares[place][0] + (place in first)) for place, (version, _) in enumerate(weights))


def slot_of(model_id: str, cohort: str) -> int:
    """The slot of a cohort: the same in every router, and another for each model, so that nobody is first with all of them."""
    return int.from_bytes(blake2b(f"{model_id}\n{cohort}".encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") % WHOLE


def dealt(number: int) -> int:
    """The slot of the request that is the number-th of those without a cohort: any 10,000 in a row take each slot once."""
    return number * _STRIDE % WHOLE
