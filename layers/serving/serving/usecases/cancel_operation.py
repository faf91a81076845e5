"""Accept that an operation shall end."""

from collections.abc import Mapping
from typing import Any

from kit.caller import Caller, Command
from kit.clock import Clock, iso
from kit.errors import Conflict
from kit.ids import Ids
from serving.domain import commands
from serving.domain.change import Cause, change
from serving.domain.operation import Goal
from serving.domain.waits import is_current
from serving.ports import Remembered, Store
from serving.usecases.anew import decided_anew
from serving.usecases.asking import ask, cause_of
from serving.usecases.resumption import Resumption
from serving.usecases.views import accepted, visible_operation


class CancelOperation:
    """Writes the wish down and lets the waiting machine fail: it takes down what it has built and settles the operation as Cancelled.

    A stop is cancelled by a start that takes its place.
    """

    def __init__(self, store: Store, resumption: Resumption, clock: Clock, ids: Ids) -> None:
        self._store, self._resumption, self._clock, self._ids = store, resumption, clock, ids

    def __call__(self, caller: Caller, operation_id: str, command: Command) -> Mapping[str, Any]:
        """The operation that is being cancelled; NotFound, Conflict where it has ended or cannot be cancelled."""
        answer = self._accept(caller, operation_id, command)
        # Repeated for a repeated command: the first may have got no further than its write.
        self._resumption.resume(operation_id)
        return answer

    @decided_anew
    def _accept(self, caller: Caller, operation_id: str, command: Command) -> Mapping[str, Any]:
        if answered := self._store.answer(command):
            return answered
        operation = visible_operation(self._store, caller, operation_id)
        model = self._store.model(operation.model_id)
        if model is None or not is_current(model, operation):
            raise Conflict("operation-ended", f"the operation has ended as {operation.status}")
        if not commands.cancellable(operation):
            raise Conflict(
                "operation-not-cancellable",
                "a deletion that has begun, or a roll-back, cannot be taken back",
                "Wait for its end; a deleted model can be created again.",
            )
        answer = accepted(operation, model.generation)
        if operation.goal is Goal.HALT:
            asked = ask(caller.subject, Goal.SERVE, model.spec, self._clock, self._ids)
            self._store.commit(commands.cancel_stop(model, operation, asked), cause_of(asked), Remembered(command, answer))
        elif operation.cancelled_by is None:
            cancelled = commands.cancel(model, operation, caller.subject, iso(self._clock.now()))
            self._store.commit(cancelled, Cause(caller.subject, operation_id), Remembered(command, answer))
        elif command.key is not None:  # kept, as a repetition is answered alike also when the operation has ended
            self._store.commit(change(model, model), Cause(caller.subject, operation_id), Remembered(command, answer))
        return answer
