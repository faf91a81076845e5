"""Accept that a model shall go."""

from collections.abc import Mapping
from typing import Any

from kit.caller import Caller, Command
from kit.errors import Conflict, Transient
from serving.domain import commands
from serving.domain.change import Cause, Change, change
from serving.domain.commands import Ask
from serving.domain.model import Model, Status
from serving.domain.operation import Goal
from serving.ports import Remembered, Store
from serving.usecases.anew import decided_anew
from serving.usecases.commanding import Commanding
from serving.usecases.using import refuse_while_used
from serving.usecases.views import accepted, visible_model


class DeleteModel:
    """Supersedes whatever is under way. A model that is on its way out already answers with the operation that sees to it."""

    def __init__(self, store: Store, commanding: Commanding) -> None:
        self._store, self._commanding = store, commanding

    def __call__(self, caller: Caller, model_id: str, expected: int | None, command: Command) -> Mapping[str, Any]:
        """The accepted operation; NotFound, StaleGeneration, Conflict while the model is protected or used."""
        if answered := self._under_way(caller, model_id, command):
            return answered

        def decide(model: Model) -> tuple[Change, Ask]:
            if not commands.allowed("delete", model):
                raise Transient("deletion-under-way", "the model is being deleted", "Read it again in a moment.")
            if model.spec.get("delete_protection"):
                raise Conflict(
                    "delete-protected", f"the model {model_id} is protected from deletion", "Set delete_protection to false first."
                )
            refuse_while_used(model)
            asked = self._commanding.ask(caller.subject, Goal.REMOVE, model)
            return commands.delete(model, self._commanding.running(model), asked), asked

        return self._commanding.accept(caller, model_id, expected, command, decide)

    @decided_anew
    def _under_way(self, caller: Caller, model_id: str, command: Command) -> Mapping[str, Any] | None:
        """What was answered before, or the deletion that is under way; None if neither is.

        That answer is kept like any other: else a repetition that comes when the id is in use again would delete the new model.
        """
        if answered := self._store.answer(command):
            return answered
        model = visible_model(self._store, caller, model_id)
        if model.status is not Status.DELETING:
            return None
        operation = self._store.operation(model.operation) if model.operation else None
        if operation is None:
            raise Transient("deletion-under-way", "the model is being deleted", "Read it again in a moment.")
        answer = accepted(operation, model.generation)
        if command.key is not None:
            self._store.commit(change(model, model), Cause(caller.subject, operation.operation_id), Remembered(command, answer))
        return answer
