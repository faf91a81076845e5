"""The sweep's part in schedules: alarms that are missing, alarms of nobody, boundaries that passed unheard."""

from kit.clock import Clock
from serving.domain.agenda import agenda_of, schedule_of
from serving.domain.model import Model
from serving.ports import Agendas, Alarms
from serving.usecases.scheduling import Scheduling


class RepairSchedules:
    """Look once with `begin`, then at one model at a time, then `end`. At rest: one listing, one read per scheduled model, no write."""

    def __init__(self, agendas: Agendas, alarms: Alarms, scheduling: Scheduling, clock: Clock) -> None:
        self._agendas, self._alarms, self._scheduling, self._clock = agendas, alarms, scheduling, clock
        self._set: set[tuple[str, int]] = set()
        self._seen: set[str] = set()

    def begin(self) -> None:
        """Ask the scheduler what is set."""
        self._set, self._seen = set(self._alarms.set_for()), set()

    def model(self, listed: Model) -> bool:
        """Whether something of this (living) model's had to be repaired."""
        schedule = schedule_of(listed)
        if schedule is None:
            return False
        self._seen.add(listed.model_id)
        known = self._agendas.read(listed.model_id)
        agenda = agenda_of(listed, schedule, known)
        now = self._clock.now()
        lost = known is None or (known.alarm is not None and (known.model_id, known.slot) not in self._set)
        if not lost and agenda == known and agenda.armed(now) == known and agenda.due(now) is None:
            return False
        return bool(self._scheduling.keep(listed.model_id, alarm_lost=lost))

    def end(self) -> int:
        """How many alarms were removed that belong to no model with a schedule."""
        strangers = {model_id for model_id, _ in self._set} - self._seen
        for model_id in strangers:
            self._scheduling.keep(model_id, alarm_lost=True)
        return len(strangers)
