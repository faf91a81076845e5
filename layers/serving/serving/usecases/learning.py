"""What all reactions to news about a model have in common."""

from collections.abc import Callable
from dataclasses import replace

from kit.clock import Clock, iso
from serving.domain.change import Cause, Change
from serving.domain.model import Model
from serving.domain.operation import Operation
from serving.domain.waits import is_current
from serving.ports import Store
from serving.usecases.anew import decided_anew
from serving.usecases.resumption import Resumption

Learn = Callable[[Model, Operation | None, str], Change | None]


class Learner:
    """Reads, lets a rule decide what the news changes, writes that, then wakes the machine that may have waited for it."""

    def __init__(self, store: Store, resumption: Resumption, clock: Clock) -> None:
        self._store, self._resumption, self._clock = store, resumption, clock

    def learn(self, model_id: str, rule: Learn, cause: Cause, *, beat: bool = False) -> None:
        """Redelivered news changes nothing and wakes again: the first delivery may have got no further than its write."""
        operation_id = self._write(model_id, rule, cause)
        if operation_id:
            self._resumption.resume(operation_id, beat=beat)

    @decided_anew
    def _write(self, model_id: str, rule: Learn, cause: Cause) -> str | None:
        model = self._store.model(model_id)
        if model is None or model.deleted:
            return None
        operation = self._store.operation(model.operation) if model.operation else None
        if not is_current(model, operation):
            operation = None
        if change := rule(model, operation, iso(self._clock.now())):
            after = replace(change.after, caused_by=cause.causation_id or model.caused_by)
            self._store.commit(replace(change, after=after), _within(cause, operation))
        return model.operation


def _within(cause: Cause, operation: Operation | None) -> Cause:
    """News reaches us from outside; where it moves an operation, it belongs to that one's story."""
    return replace(cause, correlation_id=operation.operation_id) if operation else cause
