"""EC2 tells that an instance goes, or is likely to: perhaps one under a task of ours."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from serving.domain import observations, troubles
from serving.domain.change import Cause, Change
from serving.domain.model import Model
from serving.domain.operation import Operation
from serving.domain.services import HostNews, host_news
from serving.ports import Services, Store
from serving.usecases.failures import known
from serving.usecases.learning import Learner

ACTOR = "ec2"


class OnEngineHostInterrupted:
    """Copies on an instance that goes are left two minutes early, where others can take over; ECS replaces them by itself."""

    def __init__(self, store: Store, learner: Learner, services: Services) -> None:
        self._store, self._learner, self._services = store, learner, services

    def __call__(self, event: Mapping[str, Any]) -> int:
        """Takes a spot interruption warning or a rebalance recommendation, of any instance; answers for how many models it was news."""
        news = host_news(event)
        affected: dict[str, list[str]] = defaultdict(list)
        for service, task_id in self._services.tasks_on(news.instance_id) if news else ():
            owner = self._store.owner_of(service)
            if owner:
                affected[owner[0]].append(task_id)
        if news is None:
            return 0
        cause = Cause(ACTOR, str(event["id"]), str(event["id"]), str(event["detail-type"]))
        return sum(self._tell(model_id, tasks, news, cause) for model_id, tasks in sorted(affected.items()))

    def _tell(self, model_id: str, tasks: Sequence[str], news: HostNews, cause: Cause) -> bool:
        def rule(model: Model, _: Operation | None, now: str) -> Change | None:
            if news.certain:
                return observations.interrupted(model, tasks, known("spot-interrupted", f"{news.instance_id} goes in two minutes."), now)
            return troubles.at_risk(model, tasks, f"EC2 expects to take back {news.instance_id} soon.", now)

        return self._learner.learn(model_id, rule, cause)
