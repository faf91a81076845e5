"""Last step of everything but a deletion."""

from kit.clock import Clock, iso
from serving.domain import lifecycle
from serving.domain.model import Deployment, Model
from serving.domain.operation import Goal, Operation
from serving.ports import Engines, Store
from serving.usecases.anew import decided_anew
from serving.usecases.steps import SETTLED, Order, cause_of, load, load_current


class SettleModel:
    """In service, or stopped, as the operation's goal says. Services whose place others have taken are removed before that is said."""

    def __init__(self, store: Store, engines: Engines, clock: Clock) -> None:
        self._store, self._engines, self._clock = store, engines, clock

    @decided_anew
    def __call__(self, order: Order) -> dict[str, str]:
        """`decision` is `settled`, also when it was before."""
        if load(self._store, order)[1].ended:
            return SETTLED
        model, operation = load_current(self._store, order)
        for deployment in _left_over(model, operation):
            self._engines.remove(deployment.service)
        self._store.commit(lifecycle.settle(model, operation, iso(self._clock.now())), cause_of(model, operation))
        return SETTLED


def _left_over(model: Model, operation: Operation) -> tuple[Deployment, ...]:
    return model.deployments if operation.goal is Goal.HALT else model.deployments[:-1]
