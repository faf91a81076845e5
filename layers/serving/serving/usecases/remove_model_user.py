"""Accept that something depends on a model no longer."""

from collections.abc import Mapping
from typing import Any

from contracts.users import NewModelUser
from kit.caller import Caller, Command
from kit.validation import validated
from serving.domain import users
from serving.domain.change import Cause
from serving.ports import Remembered, Store
from serving.usecases.anew import decided_anew
from serving.usecases.using import shown
from serving.usecases.views import visible_model


class RemoveModelUser:
    """Again is as good as once."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @decided_anew
    def __call__(self, caller: Caller, model_id: str, named: Mapping[str, str], request_id: str, command: Command) -> Mapping[str, Any]:
        """All users that are left. `named`: kind, user_id; InvalidRequest, NotFound for the model."""
        if answered := self._store.answer(command):
            return answered
        user = validated(NewModelUser.model_validate, dict(named))
        model = visible_model(self._store, caller, model_id)
        change = users.ends(model, user.kind, user.user_id)
        if change is None:
            return shown(model)
        answer = shown(change.after)
        self._store.commit(change, Cause(caller.subject, request_id), Remembered(command, answer))
        return answer
