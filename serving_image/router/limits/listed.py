"""What models of third parties count for in budgets of money where nobody has set `prices`: their list price of the day."""

import time
from typing import Final

from contracts.prices import PLACES, PriceTable
from contracts.routing import Route
from router.limits.book import Tariff

_DAY: Final = 86_400
_BY_TOKENS: Final = PLACES.index("second")
_OF_TEXT: Final = frozenset({"chat", "completion", "embedding"})


class ListPrices:
    """Tariffs from the dated price table. It is read at once: a request that needs it has no time for a file."""

    __slots__ = ("_held", "_number", "_table")

    def __init__(self, table: PriceTable | None = None) -> None:
        self._table = table or PriceTable()
        self._held: dict[str, Tariff | None] = {}
        self._number = -1
        self._turn(time.time())

    def of(self, route: Route, now: float) -> Tariff | None:
        """The list price of the third party's model; None for a model of ours, for one that is not in the table, and for one that is paid
        by anything but tokens of text (seconds, pictures, characters), which budgets do not count."""
        provider = route.provider
        if provider is None or route.task not in _OF_TEXT:
            return None
        if now // _DAY != self._number:
            self._turn(now)
        model = f"{provider.name}/{provider.model}"
        if model not in self._held:
            row = self._table.row(_day(now), model)
            self._held[model] = None if row is None or any(row[_BY_TOKENS:]) else Tariff(row[0], row[1], row[2])
        return self._held[model]

    def _turn(self, now: float) -> None:
        self._held.clear()
        self._table.valid(_day(now))
        self._number = int(now // _DAY)


def _day(now: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(now))
