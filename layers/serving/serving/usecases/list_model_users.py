"""Show who uses a model."""

from typing import Any

from kit.caller import Caller
from serving.ports import Store
from serving.usecases.using import shown
from serving.usecases.views import visible_model


class ListModelUsers:
    """Whoever sees the model sees them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __call__(self, caller: Caller, model_id: str) -> dict[str, Any]:
        """The resource; NotFound."""
        return shown(visible_model(self._store, caller, model_id))
