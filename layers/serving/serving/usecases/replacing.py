"""Copies that will never answer give way to others: decided and written elsewhere, carried out here."""

from kit.clock import Clock, iso
from serving.domain import troubles
from serving.ports import Endings, Store


class Replacing:
    """Asks ECS to end what routers have found to be beyond hope; the service puts another copy in its place."""

    def __init__(self, store: Store, engines: Endings, clock: Clock) -> None:
        self._store, self._engines, self._clock = store, engines, clock

    def look(self, model_id: str) -> int:
        """Answers how many copies ECS was asked to end. Asked again for one that is ending, it does nothing."""
        model = self._store.model(model_id)
        if model is None or model.deleted:
            return 0
        found = troubles.replaceable(model, iso(self._clock.now()))
        for task in found:
            code = task.condemned.code if task.condemned else ""
            self._engines.end(task.task_id, f"Slipway replaces this task: {code}")
        return len(found)
