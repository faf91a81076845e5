"""Accept that a failed operation is tried again."""

from collections.abc import Mapping
from typing import Any

from kit.caller import Caller, Command
from kit.clock import Clock
from kit.errors import Conflict
from kit.ids import Ids
from serving.domain import commands
from serving.ports import Remembered, Store
from serving.usecases.anew import decided_anew
from serving.usecases.asking import ask, cause_of, check_generation
from serving.usecases.views import accepted, visible_model


class RetryModel:
    """A failed creation is tried again from the start, a failed deletion likewise; under a new generation in both cases."""

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store, self._clock, self._ids = store, clock, ids

    @decided_anew
    def __call__(self, caller: Caller, model_id: str, expected: int | None, command: Command) -> Mapping[str, Any]:
        """The accepted operation; NotFound, StaleGeneration, Conflict where nothing has failed."""
        if answered := self._store.answer(command):
            return answered
        model = visible_model(self._store, caller, model_id)
        check_generation(model, expected)
        if not commands.allowed("retry", model):
            raise Conflict("retry-not-possible", f"the model is {model.status}, and only a failed one can be retried")
        asked = ask(caller, commands.goal_of_retry(model), model.spec, self._clock, self._ids)
        change = commands.retry(model, asked)
        answer = accepted(change.operations[0][1], change.after.generation)
        self._store.commit(change, cause_of(asked), Remembered(command, answer))
        return answer
