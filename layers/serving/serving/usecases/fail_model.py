"""Where every failure of a machine ends: take down what was built, then settle."""

from dataclasses import replace

from kit.clock import Clock, iso
from serving.domain import lifecycle
from serving.domain.model import Failure
from serving.domain.operation import Operation
from serving.domain.waits import is_current
from serving.ports import Engines, Store
from serving.usecases.anew import decided_anew
from serving.usecases.failures import failure_of, sharpened
from serving.usecases.steps import SETTLED, Order, cause_of, load


class FailModel:
    """Removes service and task definitions, then: Failed (or Cancelled) with code, sentence and hint, ModelFailed."""

    def __init__(self, store: Store, engines: Engines, clock: Clock) -> None:
        self._store, self._engines, self._clock = store, engines, clock

    def __call__(self, order: Order) -> dict[str, str]:
        """`decision` is `settled`; an operation that has ended or was superseded stays as it is."""
        self.settle(order, None)
        return SETTLED

    @decided_anew
    def settle(self, order: Order, failure: Failure | None) -> None:
        """Fail with `failure`, or with what the order's error says."""
        model, operation = load(self._store, order)
        if not is_current(model, operation):
            return
        for deployment in model.deployments:
            self._engines.remove(deployment.service)
        cause = sharpened(failure or self._failure(order, operation), model, operation)
        change = lifecycle.fail(model, operation, cause, iso(self._clock.now()))
        why = cause_of(model, operation)
        self._store.commit(change, replace(why, actor=operation.cancelled_by or why.actor))

    def _failure(self, order: Order, operation: Operation) -> Failure:
        wait = self._store.wait(operation.operation_id, operation.model_id)
        return failure_of(order.error, wait.step if wait else None)
