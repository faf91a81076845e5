"""Last step of bringing a model into service."""

from kit.clock import Clock, iso
from serving.domain import lifecycle
from serving.domain.operation import OperationStatus
from serving.ports import Store
from serving.usecases.anew import decided_anew
from serving.usecases.steps import SETTLED, Order, cause_of, load, load_current


class SettleModel:
    """InService, operation Succeeded, ModelInService."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    @decided_anew
    def __call__(self, order: Order) -> dict[str, str]:
        """`decision` is `settled`, also when it was before."""
        if load(self._store, order)[1].status is OperationStatus.SUCCEEDED:
            return SETTLED
        model, operation = load_current(self._store, order)
        self._store.commit(lifecycle.settle(model, operation, iso(self._clock.now())), cause_of(model, operation))
        return SETTLED
