"""Show one model."""

from typing import Any

from kit.caller import Caller
from kit.clock import Clock
from serving.ports import Store
from serving.usecases import views


class ReadModel:
    """The wish, and what became of it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def __call__(self, caller: Caller, model_id: str) -> dict[str, Any]:
        """The resource; NotFound."""
        return views.model(views.visible_model(self._store, caller, model_id), self._clock.now())
