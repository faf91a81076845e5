"""Show one model."""

from typing import Any

from kit.caller import Caller
from serving.ports import Store
from serving.usecases import views


class ReadModel:
    """The wish, and what became of it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __call__(self, caller: Caller, model_id: str) -> dict[str, Any]:
        """The resource; NotFound."""
        return views.model(views.visible_model(self._store, caller, model_id))
