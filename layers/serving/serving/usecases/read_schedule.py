"""Show a model's schedule."""

from typing import Any

from kit.caller import Caller
from kit.clock import Clock, iso
from kit.errors import NotFound
from serving.domain.agenda import overridden
from serving.domain.schedule import active, in_window
from serving.ports import Agendas, Store
from serving.usecases.views import next_action, visible_model


class ReadSchedule:
    """The windows, whether one is open now, what happens next, and whether a person's start or stop holds until then."""

    def __init__(self, store: Store, agendas: Agendas, clock: Clock) -> None:
        self._store, self._agendas, self._clock = store, agendas, clock

    def __call__(self, caller: Caller, model_id: str) -> dict[str, Any]:
        """The resource; NotFound."""
        model = visible_model(self._store, caller, model_id)
        schedule = model.spec.get("schedule")
        if schedule is None:
            raise NotFound("schedule-not-found", f"the model {model_id} has no schedule")
        now = self._clock.now()
        held = overridden(model, self._agendas.read(model_id), now)
        return {
            "model_id": model.model_id,
            "generation": model.generation,
            "schedule": schedule,
            "in_window": active(schedule) and in_window(schedule, now),
            "next_action": next_action(model, now),
            "overridden_until": iso(held.at) if held else None,
        }
