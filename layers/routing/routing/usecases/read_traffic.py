"""Somebody asks how a model's traffic is shared."""

from typing import Any

from kit.caller import Caller
from routing.ports import RouteTable
from routing.usecases._traffic import route_for, shown


class ReadTraffic:
    """Answers from the row that routers follow."""

    def __init__(self, table: RouteTable) -> None:
        self._table = table

    def __call__(self, caller: Caller, model_id: str) -> dict[str, Any]:
        """The traffic; `NotFound` where the caller may know of no route."""
        return shown(route_for(caller, model_id, self._table.read(model_id).known))
