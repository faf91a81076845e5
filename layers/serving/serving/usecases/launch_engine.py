"""Make the ECS service, and wait until users reach it."""

from kit.clock import Clock, iso
from kit.errors import Conflict
from serving.domain import lifecycle
from serving.domain.model import Model
from serving.domain.naming import service_name
from serving.domain.operation import Goal, Operation, Step, Wait
from serving.domain.waits import is_current
from serving.ports import Launcher, Store
from serving.usecases.anew import decided_anew
from serving.usecases.resumption import Resumption
from serving.usecases.steps import WAITING, Order, cause_of, load_current


class LaunchEngine:
    """Goes on with RouteChanged(open). Token and ownership of the service are written before ECS is asked for anything."""

    def __init__(self, store: Store, resumption: Resumption, engines: Launcher, clock: Clock, environment: str) -> None:
        self._store, self._resumption, self._engines, self._clock = store, resumption, engines, clock
        self._environment = environment

    def __call__(self, order: Order) -> dict[str, str]:
        """`decision` is `waiting`. Refused for what ECS will never take; Conflict if a newer command came in between."""
        model, operation = self._save(order)
        wait = Wait(operation.operation_id, model.model_id, Step.LAUNCH, order.task_token)
        if self._resumption.look(Step.LAUNCH, model, operation).failure is None and model.deployment:
            if operation.goal is Goal.SERVE:
                # Left by a stop that was cancelled before it had ended them: they may hold the only GPUs that there are.
                for former in model.former:
                    self._engines.remove(former.service)
            self._launch(order, model, model.deployment.service)
        self._resumption.answer(wait, model, operation)
        return WAITING

    def _launch(self, order: Order, model: Model, service: str) -> None:
        self._engines.launch(service, model)
        now, operation = self._store.model(order.model_id), self._store.operation(order.operation_id)
        if not is_current(now, operation):
            # A deletion overtook us, and may have looked for the service before there was one.
            self._engines.remove(service)
            raise Conflict("operation-superseded", f"operation {order.operation_id} no longer decides over {order.model_id}")

    @decided_anew
    def _save(self, order: Order) -> tuple[Model, Operation]:
        model, operation = load_current(self._store, order)
        service = service_name(self._environment, model.model_id, model.version, model.generation)
        change = lifecycle.launch(model, operation, service, order.task_token, iso(self._clock.now()))
        self._store.commit(change, cause_of(model, operation))
        return change.after, change.operations[0][1]
