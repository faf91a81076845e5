"""First step: take the operation up and say which way it goes."""

from kit.clock import Clock, iso
from kit.errors import Conflict
from serving.domain import lifecycle
from serving.ports import Store
from serving.usecases.anew import decided_anew
from serving.usecases.steps import Order, cause_of, load_current


class PrepareModel:
    """Marks the operation Running."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    @decided_anew
    def __call__(self, order: Order) -> dict[str, str]:
        """`decision` is `hosted` or `provider`."""
        model, operation = load_current(self._store, order)
        if operation.cancelled_by:
            raise Conflict("operation-cancelled", "the operation was cancelled before it began")
        if change := lifecycle.begin(model, operation, iso(self._clock.now())):
            self._store.commit(change, cause_of(model, operation))
        return {"decision": model.hosting}
