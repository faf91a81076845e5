"""Accept that a model has no schedule any more."""

from collections.abc import Mapping
from typing import Any

from kit.caller import Caller, Command
from kit.errors import NotFound
from serving.ports import Store
from serving.usecases.update_model import UpdateModel
from serving.usecases.views import visible_model


class RemoveSchedule:
    """The model stays as it is, running or stopped."""

    def __init__(self, store: Store, update: UpdateModel) -> None:
        self._store, self._update = store, update

    def __call__(self, caller: Caller, model_id: str, expected: int | None, command: Command) -> Mapping[str, Any]:
        """The accepted operation; NotFound where there is no schedule, and what `UpdateModel` refuses."""
        if answered := self._store.answer(command):
            return answered
        if visible_model(self._store, caller, model_id).spec.get("schedule") is None:
            raise NotFound("schedule-not-found", f"the model {model_id} has no schedule")
        return self._update(caller, model_id, {"schedule": None}, None, expected, command)
