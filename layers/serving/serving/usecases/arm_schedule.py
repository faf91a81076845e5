"""A model was made, changed, has come or gone."""

from serving.usecases.scheduling import Scheduling


class ArmSchedule:
    """Sets, moves or removes the model's alarm, and does what had to wait for the end of an operation."""

    def __init__(self, scheduling: Scheduling) -> None:
        self._scheduling = scheduling

    def __call__(self, model_id: str, event_id: str) -> None:
        """Takes the event as a hint; decides on what is true by now."""
        self._scheduling.keep(model_id, event_id)
