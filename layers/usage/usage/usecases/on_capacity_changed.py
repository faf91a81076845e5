"""Copies of a model have come or gone: how long the others have run so far is written down, for the cost of what they answered."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from kit.clock import parse
from kit.patience import Patience
from usage.domain.hosts import Standing, hourly, ran
from usage.ports import PriceTable, Rollups


class OnCapacityChanged:
    """The fact names all copies there are, so that the newest word counts and what comes late does not."""

    def __init__(self, rollups: Rollups, prices: PriceTable, patience: Patience) -> None:
        self._rollups, self._prices, self._patience = rollups, prices, patience

    def __call__(self, model_id: str, occurred_at: str, versions: Sequence[str], accelerator: Mapping[str, Any] | None) -> None:
        """`versions`: that of each copy; `occurred_at` in UTC (RFC 3339)."""
        told_at = parse(occurred_at)
        price = hourly(accelerator, self._prices.of_copies(occurred_at[:10]))
        standing = Standing(told_at, Counter(versions), price)
        self._patience.persist(lambda: self._rollups.stand(model_id, standing, lambda before: ran(model_id, before, told_at)))
