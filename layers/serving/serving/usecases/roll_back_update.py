"""Where every failure of an update ends: what ran before runs again."""

from dataclasses import replace
from datetime import timedelta

from kit.clock import Clock, iso
from serving.domain import lifecycle
from serving.domain.deadlines import seconds_for
from serving.domain.model import Failure, Model, Spec
from serving.domain.operation import Strategy
from serving.domain.waits import is_current
from serving.ports import Engines, Store
from serving.usecases.anew import decided_anew
from serving.usecases.fail_model import FailModel
from serving.usecases.failures import failure_of, sharpened
from serving.usecases.steps import SETTLED, Order, cause_of, load

RELAUNCH = {"decision": "relaunch"}


class RollBackUpdate:
    """Removes what the update had built and restores the wish that was in service. Fails the model only if that cannot be brought back."""

    def __init__(self, store: Store, engines: Engines, failer: FailModel, clock: Clock) -> None:
        self._store, self._engines, self._failer, self._clock = store, engines, failer, clock

    def __call__(self, order: Order) -> dict[str, str]:
        """`decision` is `relaunch` where the former copies had to go before the new ones came, else `settled`."""
        return self.settle(order, None)

    @decided_anew
    def settle(self, order: Order, failure: Failure | None) -> dict[str, str]:
        """The same, because of `failure` or of what the order's error says."""
        model, operation = load(self._store, order)
        if not is_current(model, operation):
            return SETTLED
        if operation.relapse and operation.relapse_entered == order.entered:
            return RELAUNCH  # this very failure has been seen to: its answer was lost
        if operation.relapse:
            self._failer.settle(order, failure)
            return SETTLED
        for deployment in model.deployments:
            if deployment.generation == model.generation:
                self._engines.remove(deployment.service)
        now = self._clock.now()
        deadline = iso(now + timedelta(seconds=seconds_for(operation.goal.value, operation.base or model.spec)))
        cause = sharpened(failure or self._cause(order), model, operation)
        failed = replace(operation, base=self._restorable(model, operation.base), relapse_entered=order.entered)
        change = lifecycle.roll_back(model, failed, cause, deadline, iso(now))
        if operation.strategy is Strategy.SCALE and change.after.deployment:
            self._engines.scale(change.after.deployment.service, change.after.desired)
        self._store.commit(change, cause_of(model, operation))
        return RELAUNCH if operation.strategy is Strategy.IN_PLACE else SETTLED

    def _restorable(self, model: Model, base: Spec | None) -> Spec | None:
        """The former wish without aliases that the update had let go of and another model has taken since."""
        aliases = (base or {}).get("aliases")
        if not base or not aliases:
            return base
        return {**base, "aliases": [name for name in aliases if self._store.holder(name) in {None, model.model_id}]}

    def _cause(self, order: Order) -> Failure:
        _, operation = load(self._store, order)
        wait = self._store.wait(operation.operation_id, operation.model_id)
        return failure_of(order.error, wait.step if wait else None)
