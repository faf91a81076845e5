"""Let the engines end, and wait until the last of them has."""

from kit.clock import Clock
from serving.domain.model import Model
from serving.domain.operation import Step
from serving.ports import Engines, Store
from serving.usecases.resumption import Resumption
from serving.usecases.waiting import WaitFor


class StopEngines(WaitFor):
    """Goes on with the last task's STOPPED."""

    step = Step.ENGINES_STOPPED

    def __init__(self, store: Store, resumption: Resumption, engines: Engines, clock: Clock) -> None:
        super().__init__(store, resumption, clock)
        self._engines = engines

    def _work(self, model: Model) -> None:
        if model.deployment:
            self._engines.stop(model.deployment.service)
