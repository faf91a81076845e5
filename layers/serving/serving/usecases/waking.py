"""A model that sleeps is woken once, however many ask, and also when they ask while it is falling asleep."""

from dataclasses import replace

from kit.clock import Clock, iso
from serving.domain import traffic
from serving.domain.model import Model, Status
from serving.ports import Store, Traffics
from serving.usecases.anew import decided_anew
from serving.usecases.start_model import StartModel

ACTOR = "router"


class Waking:
    """Starts what sleeps. Who asks while engines still end is written down, and answered when the last of them has ended."""

    def __init__(self, store: Store, traffics: Traffics, starter: StartModel, clock: Clock) -> None:
        self._store, self._traffics, self._starter, self._clock = store, traffics, starter, clock

    def wake(self, model_id: str, generation: int, cause: str | None) -> bool:
        """Somebody asked the route of that generation; whether it led to a start. Nothing else than sleep is ended by it."""
        model = self._store.model(model_id)
        if model is None or model.deleted or generation < model.served_from:
            return False  # about an earlier sleep
        if self._falls_asleep(model):
            self._note(model_id)
            # It may have fallen asleep before that was written, and then nobody has read it.
            model = self._store.model(model_id)
        return model is not None and _asleep(model) and self._start(model_id, cause)

    def waited_for(self, model_id: str, cause: str | None) -> bool:
        """The model has fallen asleep: start it if somebody asked meanwhile; answers whether."""
        model = self._store.model(model_id)
        if model is None or not _asleep(model):
            return False
        known = self._traffics.read(model_id)
        wanted = known.wake_wanted if known else None
        return wanted is not None and wanted >= model.served_from and self._start(model_id, cause)

    def _start(self, model_id: str, cause: str | None) -> bool:
        return self._starter.by_platform(model_id, "wake", ACTOR, cause)

    def _falls_asleep(self, model: Model) -> bool:
        operation = self._store.operation(model.operation) if model.status is Status.STOPPING and model.operation else None
        return operation is not None and operation.kind == "sleep"

    @decided_anew
    def _note(self, model_id: str) -> None:
        model = self._store.model(model_id)
        if model is None or not self._falls_asleep(model):
            return
        known = self._traffics.read(model_id) or traffic.unheard(model, iso(self._clock.now()))
        if known.wake_wanted != model.generation:
            self._traffics.keep(replace(known, wake_wanted=model.generation, edition=known.edition + 1))


def _asleep(model: Model) -> bool:
    return model.status is Status.STOPPED and model.asleep and not model.deleted
