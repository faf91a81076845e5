"""Wait until the registry has looked at the artefact."""

from serving.domain.operation import Step
from serving.usecases.waiting import WaitFor


class AwaitValidation(WaitFor):
    """Goes on with ModelVersionValidated; a verdict remembered from an earlier operation counts."""

    step = Step.VALIDATION
