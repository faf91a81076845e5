"""The registry has found that an artefact must not be served."""

from serving.domain import observations
from serving.domain.change import Cause
from serving.domain.model import Verdict
from serving.usecases.learning import Learner


class OnModelVersionRejected:
    """Remembers the verdict and lets the machine that waited for it fail with its reason."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner

    def __call__(self, model_id: str, verdict: Verdict, cause: Cause) -> None:
        """A verdict about another artefact than the one wanted now is ignored."""
        self._learner.learn(model_id, lambda model, _, now: observations.verdict(model, verdict, now), cause)
