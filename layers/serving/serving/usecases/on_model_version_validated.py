"""The registry has found an artefact to be what it claims."""

from serving.domain import observations
from serving.domain.change import Cause
from serving.domain.model import Verdict
from serving.usecases.learning import Learner


class OnModelVersionValidated:
    """Remembers the verdict and wakes the machine that waited for it."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner

    def __call__(self, model_id: str, verdict: Verdict, cause: Cause) -> None:
        """A verdict about another artefact than the one wanted now is ignored."""
        self._learner.learn(model_id, lambda model, _, now: observations.verdict(model, verdict, now), cause)
