"""Wait until no router sends requests to the model any more."""

from serving.domain.operation import Step
from serving.usecases.waiting import WaitFor


class AwaitRouteClosed(WaitFor):
    """Goes on with RouteChanged(closed); a model that no router ever heard of has no route to close."""

    step = Step.ROUTE_CLOSED
