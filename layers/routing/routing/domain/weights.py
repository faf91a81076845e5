"""How a route's traffic is shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the two modules describe one thing; only the types would go in a circle
    from routing.domain.route import Target

WHOLE = 10_000
"""All of a route's traffic."""


def weighed(targets: Sequence[Target]) -> tuple[Target, ...]:
    """The same targets in the same order: the ready ones share `WHOLE` equally (the first get what does not divide), the others 0."""
    ready = sum(target.status == "ready" for target in targets)
    share, rest = divmod(WHOLE, ready) if ready else (0, 0)
    shares = []
    for target in targets:
        if target.status != "ready":
            shares.append(0)
            continue
        shares.append(share + (rest > 0))
        rest = max(0, rest - 1)
    return tuple(replace(target, weight=weight) for target, weight in zip(targets, shares, strict=True))
