"""Changes that restart nothing: wait until routers follow them, and as many copies run as are wanted."""

from kit.clock import Clock
from serving.domain.model import Model
from serving.domain.operation import Step
from serving.ports import Engines, Store
from serving.usecases.resumption import Resumption
from serving.usecases.waiting import WaitFor


class ApplyChange(WaitFor):
    """Goes on with RouteChanged of the new generation, and with the last task that had to come or go."""

    step = Step.APPLIED

    def __init__(self, store: Store, resumption: Resumption, engines: Engines, clock: Clock) -> None:
        super().__init__(store, resumption, clock)
        self._engines = engines

    def _work(self, model: Model) -> None:
        if model.deployment:
            self._engines.scale(model.deployment.service, model.desired)
