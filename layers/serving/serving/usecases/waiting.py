"""Steps that only wait: the token is saved, and answered at once where the awaited fact is true already."""

from kit.clock import Clock, iso
from serving.domain import lifecycle
from serving.domain.change import Change
from serving.domain.model import Model
from serving.domain.operation import Operation, Step, Wait
from serving.ports import Store
from serving.usecases.anew import decided_anew
from serving.usecases.resumption import Resumption
from serving.usecases.steps import WAITING, Order, cause_of, load_current


class WaitFor:
    """Waits at one step."""

    step: Step

    def __init__(self, store: Store, resumption: Resumption, clock: Clock) -> None:
        self._store, self._resumption, self._clock = store, resumption, clock

    def __call__(self, order: Order) -> dict[str, str]:
        """`decision` is `waiting`; the machine goes on from what answers the token."""
        model, operation = self._save(order)
        self._work(model)
        # Whatever became true before the save is in `model`; whatever becomes true after it finds the token.
        self._resumption.answer(Wait(operation.operation_id, model.model_id, self.step, order.task_token), model, operation)
        return WAITING

    def _work(self, model: Model) -> None:
        """What has to be done between saving the token and looking; nothing, where others do it."""

    @decided_anew
    def _save(self, order: Order) -> tuple[Model, Operation]:
        model, operation = load_current(self._store, order)
        change = self._change(model, operation, order.task_token)
        self._store.commit(change, cause_of(model, operation))
        return change.after, change.operations[0][1]

    def _change(self, model: Model, operation: Operation, token: str) -> Change:
        return lifecycle.wait(model, operation, self.step, token, iso(self._clock.now()))
