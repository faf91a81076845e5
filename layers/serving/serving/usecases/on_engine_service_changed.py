"""ECS tells of a service of ours: it finds no place for its tasks, cannot start them, gives them up, or has all that it wants."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from kit.clock import Clock
from serving.domain import troubles
from serving.domain.change import Cause, Change
from serving.domain.model import Failure, Model
from serving.domain.operation import Operation
from serving.domain.services import ServiceEvent, ServiceNews, service_news
from serving.ports import Services, Store
from serving.usecases.failures import last_known, of_words
from serving.usecases.learning import Beat, Learner

ACTOR = "ecs"
_RECENT = timedelta(minutes=15)
_WAITING = frozenset({ServiceEvent.PLACEMENT_FAILURE, ServiceEvent.THROTTLED})
_CODES = {
    ServiceEvent.PLACEMENT_FAILURE: "capacity-unavailable",
    ServiceEvent.THROTTLED: "ecs-throttled",
    ServiceEvent.START_IMPAIRED: "start-impaired",
    ServiceEvent.CONFIGURATION_FAILURE: "task-configuration-invalid",
    ServiceEvent.DEPLOYMENT_FAILED: "deployment-failed",
}


class OnEngineServiceChanged:
    """While there is no place the operation waits, and says so, until its deadline; what ECS itself gives up has failed."""

    def __init__(self, store: Store, learner: Learner, services: Services, clock: Clock) -> None:
        self._store, self._learner, self._services, self._clock = store, learner, services, clock

    def __call__(self, event: Mapping[str, Any]) -> bool:
        """Takes an ECS Service Action or an ECS Deployment State Change, whole; answers whether it was news of a model."""
        news = service_news(event)
        owner = self._store.owner_of(news.service) if news else None
        if news is None or owner is None:
            return False
        model_id, generation = owner
        failure = self._failure(news)

        def rule(model: Model, operation: Operation | None, now: str) -> Change | None:
            return _decided(news, failure, generation, model, operation, now)

        beat: Beat = "always" if news.event in _WAITING else "never"
        cause = Cause(ACTOR, str(event["id"]), str(event["id"]), str(event["detail-type"]))
        return self._learner.learn(model_id, rule, cause, beat=beat)

    def _failure(self, news: ServiceNews) -> Failure | None:
        code = _CODES.get(news.event)
        if code is None:
            return None
        told = [news.reason]
        if news.event is ServiceEvent.PLACEMENT_FAILURE and of_words(code, news.reason) is None:
            # What EC2 answered to a purchase that failed stands in the service's messages alone.
            told += self._services.words(news.service, self._clock.now() - _RECENT)
        found = next((failure for words in told if (failure := of_words(code, words))), None)
        return found or of_words(code, news.reason, certain=True)


def _decided(
    news: ServiceNews, failure: Failure | None, generation: int, model: Model, operation: Operation | None, now: str
) -> Change | None:
    if failure is None:
        return troubles.steady(model, now)
    if news.event in _WAITING:
        return troubles.shortage(model, operation, generation, failure, now)
    if news.event is ServiceEvent.START_IMPAIRED:
        return troubles.impaired(model, generation, failure, now)
    return troubles.given_up(model, operation, generation, last_known(model) or failure, now)
