"""A request has come for a model that sleeps."""

from serving.usecases.waking import Waking


class OnModelWakeRequested:
    """Starts the model; what runs, starts, or was stopped by a person or a schedule is left alone."""

    def __init__(self, waking: Waking) -> None:
        self._waking = waking

    def __call__(self, model_id: str, generation: int, event_id: str) -> None:
        """`generation` is that of the route that was asked."""
        self._waking.wake(model_id, generation, event_id)
