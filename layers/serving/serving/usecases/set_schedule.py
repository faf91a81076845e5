"""Accept that a model has a schedule, in place of the one that it may have had."""

from collections.abc import Mapping
from typing import Any

from kit.caller import Caller, Command
from serving.usecases.update_model import UpdateModel


class SetSchedule:
    """An update of the one field, by the same rules."""

    def __init__(self, update: UpdateModel) -> None:
        self._update = update

    def __call__(
        self, caller: Caller, model_id: str, schedule: Mapping[str, Any], expected: int | None, command: Command
    ) -> Mapping[str, Any]:
        """The accepted operation. `schedule` is whole, so that a merge leaves nothing of the old one; refused as `UpdateModel` refuses."""
        return self._update(caller, model_id, {"schedule": dict(schedule)}, None, expected, command)
