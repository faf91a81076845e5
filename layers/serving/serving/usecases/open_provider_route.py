"""Wait until a router has had an answer from the third party."""

from serving.domain.operation import Step
from serving.usecases.waiting import WaitFor


class OpenProviderRoute(WaitFor):
    """Nothing is provisioned: routing opens the route on ModelRequested, once the provider answers."""

    step = Step.PROVIDER_ROUTE
