"""The dated price table of `contracts.prices`, as costs are reckoned by it."""

from collections.abc import Mapping
from typing import Any

from contracts.prices import PriceTable
from usage.domain.cost import TokenPrice


class PriceFiles:
    """`ports.PriceTable`."""

    def __init__(self, table: PriceTable | None = None) -> None:
        self._table = table or PriceTable()

    @property
    def as_of(self) -> str:
        """From when the youngest prices hold."""
        return self._table.as_of

    def of(self, day: str, priced_as: str) -> TokenPrice | None:
        """See `domain.cost.Prices`."""
        row = self._table.row(day, priced_as)
        return TokenPrice(*row) if row else None

    def of_copies(self, day: str) -> Mapping[str, Any]:
        """See `ports.PriceTable`."""
        return self._table.valid(day)
