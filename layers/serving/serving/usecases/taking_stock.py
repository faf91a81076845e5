"""The sweep's last part: what there is, told to those who watch."""

from collections.abc import Sequence

from kit.clock import Clock, iso
from serving.domain.model import Model
from serving.domain.operation import Operation
from serving.domain.stock import taken
from serving.ports import Gauges, Prices


class TakeStock:
    """Decides nothing and writes nothing: it counts what the sweep has read."""

    def __init__(self, prices: Prices, gauges: Gauges, clock: Clock) -> None:
        self._prices, self._gauges, self._clock = prices, gauges, clock

    def __call__(self, operations: Sequence[Operation], models: Sequence[Model]) -> None:
        """Of these operations under way and these models."""
        self._gauges.show(taken(operations, models, self._prices.hourly, iso(self._clock.now())))
