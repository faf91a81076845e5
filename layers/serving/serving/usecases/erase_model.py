"""Last step of a deletion."""

from kit.clock import Clock, iso
from serving.domain import lifecycle
from serving.domain.operation import OperationStatus
from serving.ports import Engines, Store
from serving.usecases.anew import decided_anew
from serving.usecases.steps import SETTLED, Order, cause_of, load, load_current


class EraseModel:
    """Removes service and task definitions, leaves a tombstone and the ledger: operation Succeeded, ModelDeleted."""

    def __init__(self, store: Store, engines: Engines, clock: Clock) -> None:
        self._store, self._engines, self._clock = store, engines, clock

    @decided_anew
    def __call__(self, order: Order) -> dict[str, str]:
        """`decision` is `settled`, also when it was before."""
        if load(self._store, order)[1].status is OperationStatus.SUCCEEDED:
            return SETTLED
        model, operation = load_current(self._store, order)
        if model.deployment:
            self._engines.remove(model.deployment.service)
        self._store.forget_observations(model.model_id)
        self._store.commit(lifecycle.erase(model, operation, iso(self._clock.now())), cause_of(model, operation))
        return SETTLED
