"""Show how a command fares."""

from typing import Any

from kit.caller import Caller
from serving.ports import Store
from serving.usecases import views


class ReadOperation:
    """One operation."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __call__(self, caller: Caller, operation_id: str) -> dict[str, Any]:
        """The resource; NotFound."""
        return views.operation(views.visible_operation(self._store, caller, operation_id))
