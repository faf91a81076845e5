"""Keeping to a model's schedule: do what is due, and have the alarm set for what comes next."""

from kit.clock import Clock
from serving.domain import commands
from serving.domain.agenda import Agenda, agenda_of, satisfied, schedule_of
from serving.domain.change import Change
from serving.domain.commands import Ask
from serving.domain.model import Model, Status
from serving.domain.operation import Goal
from serving.domain.schedule import START, Boundary
from serving.ports import Agendas, Alarms, Store
from serving.usecases.anew import decided_anew
from serving.usecases.commanding import Commanding
from serving.usecases.start_model import StartModel
from serving.usecases.stop_model import StopModel
from serving.usecases.unscheduling import forget

ACTOR = "schedule"


class Scheduling:
    """Whoever calls, and however often: the model's alarm, a change of the model, the sweep. Where nothing is amiss nothing is written."""

    def __init__(
        self, store: Store, agendas: Agendas, alarms: Alarms, commanding: Commanding, starter: StartModel, stopper: StopModel, clock: Clock
    ) -> None:
        self._store, self._agendas, self._alarms, self._clock = store, agendas, alarms, clock
        self._commanding, self._starter, self._stopper = commanding, starter, stopper

    def keep(self, model_id: str, cause: str | None = None, *, alarm_lost: bool = False) -> dict[str, str]:
        """What was done: `action` (start, stop) for a boundary that was due, `alarm` for what was set; neither where nothing was.

        `cause` is the id of the event that led here; `alarm_lost` says that the scheduler does not have what is written down.
        """
        done: dict[str, str] = {}
        self._keep(model_id, cause, alarm_lost, done)
        return done

    @decided_anew
    def _keep(self, model_id: str, cause: str | None, alarm_lost: bool, done: dict[str, str]) -> None:
        model, known = self._store.model(model_id), self._agendas.read(model_id)
        schedule = schedule_of(model)
        if model is None or schedule is None:
            if known or alarm_lost:
                forget(self._agendas, self._alarms, model_id, found_by_alarm=alarm_lost)
            return
        now = self._clock.now()
        agenda = agenda_of(model, schedule, known)
        boundary = agenda.due(now)
        if boundary and self._carry_out(model, boundary, cause):
            agenda = agenda.settled(boundary)
            done["action"] = boundary.action
        agenda = agenda.armed(now)
        # Set already by a try whose row was lost to another writer: what the scheduler has may be out of date, so it is set once more.
        if alarm_lost or "alarm" in done or known is None or (agenda.alarm, agenda.slot) != (known.alarm, known.slot):
            self._set(agenda, model.generation, done)
        if agenda != known:
            self._agendas.keep(known, agenda)

    def _set(self, agenda: Agenda, generation: int, done: dict[str, str]) -> None:
        if agenda.alarm:
            self._alarms.put(agenda, generation)
        else:
            self._alarms.remove(agenda.model_id)
        done["alarm"] = agenda.alarm or ""

    def _carry_out(self, model: Model, boundary: Boundary, cause: str | None) -> bool:
        """Whether the boundary is done with; not while an operation is under way that must end first: its end leads here again."""
        if satisfied(model, boundary.action):
            return True
        if boundary.action != START:
            return self._stops(model) or self._stopper.by_platform(model.model_id, "stop", ACTOR, cause)
        if model.status is Status.FAILED:
            return self._commanding.accept_own(model.model_id, cause, self._try_again)
        return self._starter.by_platform(model.model_id, "start", ACTOR, cause)

    def _stops(self, model: Model) -> bool:
        """Whether it is being stopped for good; one that falls asleep would be woken by the next request."""
        operation = self._store.operation(model.operation) if model.status is Status.STOPPING and model.operation else None
        return operation is not None and operation.kind == "stop"

    def _try_again(self, model: Model) -> tuple[Change, Ask] | None:
        """A window opens for a model that failed in the one before; a deletion that failed is left to people."""
        if not commands.allowed("retry", model) or commands.goal_of_retry(model) is not Goal.SERVE:
            return None
        asked = self._commanding.ask(ACTOR, Goal.SERVE, model)
        return commands.retry(model, asked), asked
