"""What the platform has done about a model's schedule, and what it does next: level-triggered, one boundary at a time.

Only the last boundary that has passed counts; it is *due* until it is settled. Whatever a person does after that holds until the next one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from serving.domain.model import Model, Status
from serving.domain.schedule import START, Boundary, active, last_boundary, next_boundary, wanted

_GONE = frozenset({Status.DELETING})
_SERVING = frozenset({Status.CREATING, Status.STARTING, Status.IN_SERVICE, Status.UPDATING})
_STOPPED = frozenset({Status.STOPPED, Status.FAILED})  # one that is stopping may be falling asleep, and would be woken again


@dataclass(frozen=True)
class Agenda:
    """One per model with a schedule. `settled_until`: boundaries up to then are done with; `alarm`: when the scheduler calls next (ISO).

    `slot` (0 or 1) tells apart the alarm that rings from the one that is set meanwhile. `edition` rises with every write.
    """

    model_id: str
    schedule: Mapping[str, Any]
    settled_until: str
    alarm: str | None = None
    slot: int = 0
    edition: int = 0

    def due(self, now: datetime) -> Boundary | None:
        """The last boundary, if nothing was done about it yet."""
        last = last_boundary(self.schedule, now)
        return last if last and last.at > datetime.fromisoformat(self.settled_until) else None

    def settled(self, boundary: Boundary) -> Self:
        """With that boundary done with."""
        return replace(self, settled_until=_text(boundary.at))

    def armed(self, now: datetime) -> Self:
        """With the alarm at the next boundary. One that has rung already is not set anew, for the scheduler may be about to remove it."""
        coming = next_boundary(self.schedule, now)
        alarm = _text(coming.at) if coming else None
        rung = self.alarm is not None and datetime.fromisoformat(self.alarm) <= now
        return replace(self, alarm=alarm, slot=1 - self.slot if rung else self.slot)


def schedule_of(model: Model | None) -> Mapping[str, Any] | None:
    """The schedule that acts on the model; None where none does."""
    if model is None or model.deleted or model.status in _GONE:
        return None
    schedule: Mapping[str, Any] | None = model.spec.get("schedule")
    return schedule if active(schedule) else None


def agenda_of(model: Model, schedule: Mapping[str, Any], known: Agenda | None) -> Agenda:
    """What is known, if it is about this schedule; otherwise a fresh one: boundaries before the wish was made are nobody's business."""
    if known and known.schedule == schedule:
        return known
    if known:
        return replace(known, schedule=schedule, settled_until=model.updated_at)
    return Agenda(model.model_id, schedule, model.updated_at)


def satisfied(model: Model, action: str) -> bool:
    """Whether the model is, or is on its way, where the action would bring it."""
    if action == START:
        return model.status in _SERVING
    return model.status in _STOPPED and not model.asleep


def overridden(model: Model, known: Agenda | None, now: datetime) -> Boundary | None:
    """The boundary until which the model stays as a person left it, against its schedule; None where it is as the schedule wants it."""
    schedule = schedule_of(model)
    if schedule is None or model.status is Status.FAILED or agenda_of(model, schedule, known).due(now):
        return None
    is_wanted = wanted(schedule, now)
    serves = model.status in _SERVING or model.asleep
    return next_boundary(schedule, now) if serves is not is_wanted else None


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
