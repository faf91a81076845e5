"""A route has opened, closed or changed."""

from serving.domain import observations
from serving.domain.change import Cause
from serving.domain.model import RouteView
from serving.usecases.learning import Learner


class OnRouteChanged:
    """An open route ends a creation, a closed one lets a deletion go on."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner

    def __call__(self, model_id: str, seen: RouteView, cause: Cause) -> None:
        """The newest revision wins."""
        self._learner.learn(model_id, lambda model, _, now: observations.route(model, seen, now), cause)
