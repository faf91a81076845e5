"""First step of an update: another artefact is validated before anything is bought for it."""

from serving.domain.operation import Step
from serving.usecases.waiting import WaitFor


class PrepareUpdate(WaitFor):
    """Goes on with the way that the update takes; one that brings another artefact waits for the registry's verdict first."""

    step = Step.UPDATE_READY
