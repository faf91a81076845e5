"""A model has fallen asleep."""

from serving.usecases.waking import Waking


class OnModelStopped:
    """Starts the model again if somebody asked for it while its engines ended."""

    def __init__(self, waking: Waking) -> None:
        self._waking = waking

    def __call__(self, model_id: str, event_id: str) -> None:
        """Takes what the event says; decides on what is true by now."""
        self._waking.waited_for(model_id, event_id)
