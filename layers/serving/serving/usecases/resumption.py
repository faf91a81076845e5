"""Wakes state machines: asks of a wait whether what it waits for has become true, and answers its token."""

from serving.domain.model import Model
from serving.domain.operation import Goal, Operation, Step, Wait
from serving.domain.waits import Awaited, awaited, is_current
from serving.ports import Engines, Machines, Store


class Resumption:
    """Level-triggered: looks at how things stand, not at what has just happened, so asking once too often does no harm.

    `engines` is None in functions that may not ask ECS; waits for engines to end are left to those that may.
    """

    def __init__(self, store: Store, machines: Machines, engines: Engines | None = None) -> None:
        self._store, self._machines, self._engines = store, machines, engines

    def resume(self, operation_id: str, *, beat: bool = False) -> None:
        """Wake the operation's machine if it can go on or must fail; with `beat`, else tell it that there is progress."""
        named = self._store.operation(operation_id)
        # The wait before the rest: it is written together with what it waits upon, so that what is read after it is no older. The other way
        # round, a step that has just begun to wait could be told of what was true before it did.
        wait = self._store.wait(operation_id, named.model_id) if named else None
        if named is None or wait is None:
            return
        operation, model = self._store.operation(operation_id), self._store.model(named.model_id)
        if operation is None or model is None or not is_current(model, operation):
            return
        self.answer(wait, model, operation, beat=beat)

    def answer(self, wait: Wait, model: Model, operation: Operation, *, beat: bool = False) -> None:
        """The same for a wait, model and operation at hand."""
        how = self.look(wait.step, model, operation)
        if how.failure:
            self._machines.fail(wait, how.failure)
        elif how.true:
            self._machines.succeed(wait, how.decision)
        elif beat:
            self._machines.beat(wait)

    def look(self, step: Step, model: Model, operation: Operation) -> Awaited:
        """How it stands with what a step waits for."""
        return awaited(step, model, operation, engines_left=step is Step.ENGINES_STOPPED and self._engines_left(model, operation))

    def _engines_left(self, model: Model, operation: Operation) -> bool:
        """Whether copies are left that have to go: in an update those that are replaced, else all."""
        ending = [one for one in model.deployments if one.retiring or operation.goal is not Goal.UPDATE]
        if self._engines is None or any(model.tasks_of(one) for one in ending):
            return True
        return any(self._engines.tasks_left(one.service) > 0 for one in ending)
