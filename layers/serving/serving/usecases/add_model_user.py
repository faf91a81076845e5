"""Accept that something depends on a model from now on."""

from collections.abc import Mapping
from typing import Any

from contracts.users import NewModelUser
from kit.caller import Caller, Command
from kit.clock import Clock, iso
from kit.errors import Conflict
from kit.validation import validated
from serving.domain import users
from serving.domain.change import Cause
from serving.domain.model import User
from serving.ports import Remembered, Store
from serving.usecases.anew import decided_anew
from serving.usecases.using import shown
from serving.usecases.views import visible_model


class AddModelUser:
    """Said again it changes nothing. Against a deletion that comes at the same time exactly one of the two wins."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    @decided_anew
    def __call__(self, caller: Caller, model_id: str, wanted: Mapping[str, str], request_id: str, command: Command) -> Mapping[str, Any]:
        """All users as they are then. `wanted`: kind, user_id, name.

        InvalidRequest, NotFound, Conflict for a model that goes or has too many.
        """
        if answered := self._store.answer(command):
            return answered
        user = validated(NewModelUser.model_validate, dict(wanted))
        model = visible_model(self._store, caller, model_id)
        if not users.can_begin(model):
            raise Conflict("use-not-possible", f"the model {model_id} is {model.status}: it is being deleted", "Use another model.")
        if len(model.users) >= users.MOST_USERS and not users.is_used(model, user.kind, user.user_id):
            raise Conflict("users-too-many", f"the model {model_id} has {users.MOST_USERS} users already", "Remove those that are gone.")
        new = User(user.kind, user.user_id, user.name, iso(self._clock.now()), caller.subject)
        change = users.begins(model, new)
        if change is None:
            return shown(model)
        answer = shown(change.after)
        self._store.commit(change, Cause(caller.subject, request_id), Remembered(command, answer))
        return answer
