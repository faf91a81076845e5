"""Let the engines end, and wait until the last of them has."""

from kit.clock import Clock, iso
from serving.domain import lifecycle
from serving.domain.change import Change
from serving.domain.model import Model
from serving.domain.operation import Operation, Step
from serving.ports import Engines, Store
from serving.usecases.resumption import Resumption
from serving.usecases.waiting import WaitFor


class StopEngines(WaitFor):
    """Goes on with the last task's STOPPED. In an update only those end whose place newer ones take.

    Routers may need a second to learn of it; the engines' supervisors go on answering for longer than that.
    """

    step = Step.ENGINES_STOPPED

    def __init__(self, store: Store, resumption: Resumption, engines: Engines, clock: Clock) -> None:
        super().__init__(store, resumption, clock)
        self._engines = engines

    def _work(self, model: Model) -> None:
        for deployment in model.deployments:
            if deployment.retiring:
                self._engines.stop(deployment.service)

    def _change(self, model: Model, operation: Operation, token: str) -> Change:
        return lifecycle.retire(model, operation, token, iso(self._clock.now()))
