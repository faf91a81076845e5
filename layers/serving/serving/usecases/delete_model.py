"""Accept that a model shall go."""

from collections.abc import Mapping
from typing import Any

from kit.caller import Caller, Command
from kit.clock import Clock
from kit.errors import Contended, Transient
from kit.ids import Ids
from serving.domain import commands
from serving.domain.model import Model
from serving.domain.operation import Goal
from serving.ports import Remembered, Store
from serving.usecases.anew import decided_anew
from serving.usecases.asking import ask, cause_of, check_generation
from serving.usecases.views import accepted, visible_model


class DeleteModel:
    """Supersedes whatever is under way. A model that is on its way out already answers with the operation that sees to it."""

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store, self._clock, self._ids = store, clock, ids

    @decided_anew
    def __call__(self, caller: Caller, model_id: str, expected: int | None, command: Command) -> Mapping[str, Any]:
        """The accepted operation; NotFound, StaleGeneration."""
        if answered := self._store.answer(command):
            return answered
        model = visible_model(self._store, caller, model_id)
        check_generation(model, expected)
        if not commands.allowed("delete", model):
            return self._under_way(model)
        running = self._store.operation(model.operation) if model.operation else None
        if running and running.ended:  # since the model was read, which is therefore another by now
            raise Contended("operation-ended", f"operation {running.operation_id} has come to its end meanwhile")
        asked = ask(caller, Goal.REMOVE, model.spec, self._clock, self._ids)
        change = commands.delete(model, running, asked)
        answer = accepted(change.operations[0][1], change.after.generation)
        self._store.commit(change, cause_of(asked), Remembered(command, answer))
        return answer

    def _under_way(self, model: Model) -> Mapping[str, Any]:
        operation = self._store.operation(model.operation) if model.operation else None
        if operation is None:
            raise Transient("deletion-under-way", "the model is being deleted", "Read it again in a moment.")
        return accepted(operation, model.generation)
