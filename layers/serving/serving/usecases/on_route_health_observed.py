"""A router has looked at a target."""

from dataclasses import dataclass

from serving.domain import observations
from serving.domain.change import Cause, Change
from serving.domain.model import Failure, Model, Status
from serving.domain.operation import Operation
from serving.usecases.learning import Beat, Learner
from serving.usecases.replacing import Replacing


@dataclass(frozen=True)
class Sighting:
    """What a router saw: `observed` is progressing, ready or failed; `progress` from 0 to 1 within the phase."""

    model_id: str
    generation: int
    target_id: str
    observed: str
    phase: str
    progress: float | None
    failure: Failure | None


class OnRouteHealthObserved:
    """Progress keeps the waiting machine patient; a failure counts as a failed start, and its copy is replaced."""

    def __init__(self, learner: Learner, replacing: Replacing) -> None:
        self._learner, self._replacing = learner, replacing

    def __call__(self, seen: Sighting, cause: Cause) -> None:
        """That a target is ready is told by the route that opens. A task's id is its own for ever; a provider's sighting counts for the
        generation that it was made in."""

        def about(model: Model) -> bool:
            # Only while a model is being changed does its route follow a generation behind; of what is on its way out it is no progress.
            known = model.status is Status.UPDATING and any(task.task_id == seen.target_id for task in model.tasks)
            return known or seen.generation == model.generation

        def rule(model: Model, operation: Operation | None, now: str) -> Change | None:
            if seen.observed == "failed":
                failure = seen.failure or Failure("engine-unresponsive", "The target failed without saying why.")
                return observations.failed_start(model, operation, seen.target_id, failure, now)
            if seen.observed != "progressing":
                return None
            return observations.progress(model, operation, seen.target_id, seen.phase, seen.progress, now)

        beat: Beat = "always" if seen.observed == "progressing" else "never"
        self._learner.learn(seen.model_id, rule, cause, beat=beat, about=about)
        if seen.observed == "failed":  # also for what is no news: its first delivery may have got no further than its write
            self._replacing.look(seen.model_id)
