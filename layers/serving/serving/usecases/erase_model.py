"""Last step of a deletion."""

from kit.clock import Clock, iso
from serving.domain import lifecycle
from serving.domain.operation import OperationStatus
from serving.ports import Agendas, AlarmRemoval, Engines, Store
from serving.usecases.anew import decided_anew
from serving.usecases.steps import SETTLED, Order, cause_of, load, load_current
from serving.usecases.unscheduling import forget


class EraseModel:
    """Removes service and task definitions, leaves a tombstone and the ledger: operation Succeeded, ModelDeleted."""

    def __init__(self, store: Store, engines: Engines, agendas: Agendas, alarms: AlarmRemoval, clock: Clock) -> None:
        self._store, self._engines, self._agendas, self._alarms, self._clock = store, engines, agendas, alarms, clock

    @decided_anew
    def __call__(self, order: Order) -> dict[str, str]:
        """`decision` is `settled`, also when it was before."""
        if load(self._store, order)[1].status is OperationStatus.SUCCEEDED:
            return SETTLED
        model, operation = load_current(self._store, order)
        for deployment in model.deployments:
            self._engines.remove(deployment.service)
        if model.spec.get("schedule") or self._agendas.read(model.model_id):
            forget(self._agendas, self._alarms, model.model_id)
        self._store.forget_observations(model.model_id)
        self._store.commit(lifecycle.erase(model, operation, iso(self._clock.now())), cause_of(model, operation))
        return SETTLED
