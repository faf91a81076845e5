"""ECS tells of a task of ours."""

from collections.abc import Mapping
from typing import Any

from serving.domain import observations, tasks, troubles
from serving.domain.change import Cause, Change
from serving.domain.model import Model
from serving.domain.operation import Operation
from serving.domain.tasks import TaskObservation
from serving.ports import Store
from serving.usecases.failures import death_of
from serving.usecases.learning import Learner
from serving.usecases.stop_model import StopModel

ACTOR = "ecs"


class OnEngineTaskChanged:
    """Keeps the copies that run, tells routing of them, counts starts that failed; stops a model whose copies only die."""

    def __init__(self, store: Store, learner: Learner, stopper: StopModel) -> None:
        self._store, self._learner, self._stopper = store, learner, stopper

    def __call__(self, detail: Mapping[str, Any], event_id: str) -> None:
        """Takes the `detail` of an ECS Task State Change; one of a service that is not ours is ignored."""
        service = tasks.service_of(detail)
        owner = self._store.owner_of(service) if service else None
        if service is None or owner is None:
            return
        model_id, generation = owner
        self.learn(model_id, tasks.observed(detail, service, generation), Cause(ACTOR, event_id, event_id, "ECS Task State Change"))

    def learn(self, model_id: str, seen: TaskObservation, cause: Cause) -> bool:
        """The same for an observation that came another way; answers whether it was news."""

        def rule(model: Model, operation: Operation | None, now: str) -> Change | None:
            known = self._store.task_version(model_id, seen.task_id)
            return observations.task(model, operation, known, seen, death_of(seen), now)

        news = self._learner.learn(model_id, rule, cause, beat="on-news")
        if seen.stopped:
            self._give_up(model_id, seen, cause)
        return news

    def _give_up(self, model_id: str, seen: TaskObservation, cause: Cause) -> None:
        """Also for what is no news: its first delivery may have got no further than its write."""
        model = self._store.model(model_id)
        if model and troubles.is_futile(model, seen.generation):
            self._stopper.by_platform(model_id, "stop", ACTOR, cause.causation_id)
