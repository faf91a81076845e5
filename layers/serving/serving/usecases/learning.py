"""What all reactions to news about a model have in common."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from kit.clock import Clock, iso
from serving.domain.change import Cause, Change
from serving.domain.model import Model
from serving.domain.operation import Operation
from serving.domain.waits import is_current
from serving.ports import Store
from serving.usecases.anew import decided_anew
from serving.usecases.resumption import Resumption

Beat = Literal["never", "on-news", "always"]
Learn = Callable[[Model, Operation | None, str], Change | None]
About = Callable[[Model], bool]


def _anything(_: Model) -> bool:
    return True


class Learner:
    """Reads, lets a rule decide what the news changes, writes that, then wakes the machine that may have waited for it."""

    def __init__(self, store: Store, resumption: Resumption, clock: Clock) -> None:
        self._store, self._resumption, self._clock = store, resumption, clock

    def learn(self, model_id: str, rule: Learn, cause: Cause, *, beat: Beat = "never", about: About = _anything) -> bool:
        """Answers whether it was news. Old news wakes again: its first delivery may have got no further than its write.

        `beat` says when a machine that has to go on waiting is told that there is progress. What is not `about` the model as it is now is
        history, and no progress of anything.
        """
        operation_id, news = self._write(model_id, rule, cause, about)
        if operation_id:
            self._resumption.resume(operation_id, beat=beat == "always" or (beat == "on-news" and news))
        return news

    @decided_anew
    def _write(self, model_id: str, rule: Learn, cause: Cause, about: About) -> tuple[str | None, bool]:
        model = self._store.model(model_id)
        if model is None or model.deleted or not about(model):
            return None, False
        operation = self._store.operation(model.operation) if model.operation else None
        if not is_current(model, operation):
            operation = None
        change = rule(model, operation, iso(self._clock.now()))
        if change:
            told = (cause.causation_id, cause.causation_type) if cause.causation_id else (model.caused_by, model.caused_by_type)
            after = replace(change.after, caused_by=told[0], caused_by_type=told[1])
            self._store.commit(replace(change, after=after), _within(cause, operation))
        return model.operation, change is not None


def _within(cause: Cause, operation: Operation | None) -> Cause:
    """News reaches us from outside; where it moves an operation, it belongs to that one's story."""
    return replace(cause, correlation_id=operation.operation_id) if operation else cause
