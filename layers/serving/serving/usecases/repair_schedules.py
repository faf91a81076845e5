"""The sweep's part in schedules: alarms that are missing, alarms of nobody, boundaries that passed unheard."""

from collections import Counter

from kit.clock import Clock
from serving.domain.agenda import agenda_of, schedule_of
from serving.domain.model import Model
from serving.ports import Agendas, Alarms
from serving.usecases.scheduling import Scheduling


class RepairSchedules:
    """`begin`, then `model` for each living model, then `end`. At rest: one listing, one read per model with a schedule, no write."""

    def __init__(self, agendas: Agendas, alarms: Alarms, scheduling: Scheduling, clock: Clock) -> None:
        self._agendas, self._alarms, self._scheduling, self._clock = agendas, alarms, scheduling, clock
        self._set: set[tuple[str, int]] | None = None
        self._seen: set[str] = set()

    def begin(self) -> None:
        """Ask the scheduler what is set. Without its answer, nothing is repaired until the next time."""
        self._set, self._seen = None, set()
        self._set = set(self._alarms.set_for())

    def model(self, listed: Model, done: Counter[str]) -> None:
        """Repair what is wrong about this model's schedule; `done` counts it."""
        schedule = schedule_of(listed)
        if schedule is None or self._set is None:
            return
        self._seen.add(listed.model_id)
        known, now = self._agendas.read(listed.model_id), self._clock.now()
        agenda = agenda_of(listed, schedule, known)
        lost = known is None or (known.alarm is not None and (known.model_id, known.slot) not in self._set)
        if not lost and agenda.armed(now) == known and agenda.due(now) is None:
            return
        if self._scheduling.keep(listed.model_id, alarm_lost=lost):
            done["schedules_repaired"] += 1

    def end(self, done: Counter[str]) -> None:
        """Remove alarms that belong to no model with a schedule; `done` counts them."""
        strangers = {model_id for model_id, _ in self._set or ()} - self._seen
        for model_id in sorted(strangers):
            self._scheduling.keep(model_id, alarm_lost=True)
            done["alarms_removed"] += 1
