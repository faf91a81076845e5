"""A model's alarm rings."""

from serving.usecases.scheduling import Scheduling


class ApplySchedule:
    """The alarm says which model; what is to be done, the schedule says as it is now."""

    def __init__(self, scheduling: Scheduling) -> None:
        self._scheduling = scheduling

    def __call__(self, model_id: str) -> dict[str, str]:
        """What was done; nothing for an alarm that is out of date."""
        return self._scheduling.keep(model_id)
