"""EventBridge Scheduler: sweeps that come again and again, one-time alarms that functions set, and the service's API.

A schedule that is due invokes its function asynchronously. One-time schedules with ActionAfterCompletion DELETE are removed after it.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.fabric.aws.boundary import ACCOUNT, REGION
from tests.fabric.aws.errors import answering, refusal
from tests.fabric.clock import START, moment
from tests.fabric.delivery.agenda import Ground, Thing
from tests.fabric.delivery.invocations import Invocations
from tests.fabric.topology import Sweep, Topology, function_of

_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_NAME = re.compile(r"[0-9a-zA-Z_.-]{1,64}")
REMOVED_AFTER = 60.0
"""Seconds between the ringing of a one-time schedule and its removal."""


@dataclass(eq=False)
class Tick(Thing):
    """The next time at which a sweep is due."""

    sweep: Sweep | None = None
    under_way: Thing | None = None


@dataclass(eq=False)
class Alarm(Thing):
    """A one-time schedule. `rung`: it has called its function, and is removed when it is due again."""

    group: str = ""
    name: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)
    rung: bool = False


class Schedules:
    """Sweeps and alarms."""

    def __init__(self, ground: Ground, topology: Topology, invocations: Invocations, groups: tuple[str, ...]) -> None:
        self._ground, self._invocations = ground, invocations
        self._ticks = [self._tick(sweep) for sweep in topology.sweeps]
        self.alarms: dict[str, dict[str, Alarm]] = {group: {} for group in groups}

    # ── the API ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def call(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """One API call."""
        found: dict[str, Any] = answering(_OPERATIONS, operation)(self, operation, given)
        return found

    def _create(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        alarms = self._group(operation, given)
        if given["Name"] in alarms:
            raise refusal(operation, "ConflictException", f"Schedule {given['Name']} already exists.")
        alarms[given["Name"]] = self._alarm(operation, given)
        return {"ScheduleArn": self._arn(given)}

    def _update(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        alarms = self._group(operation, given)
        self._known(operation, given)
        alarms[given["Name"]] = self._alarm(operation, given)
        return {"ScheduleArn": self._arn(given)}

    def _delete(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        self._known(operation, given)
        del self._group(operation, given)[given["Name"]]
        return {}

    def _get(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self._known(operation, given).given)

    def _list(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        alarms = self._group(operation, given)
        most, start = given.get("MaxResults", 100), given.get("NextToken", "")
        names = [name for name in sorted(alarms) if name > start]
        page = {"Schedules": [{"Name": name, "GroupName": given["GroupName"], "State": "ENABLED"} for name in names[:most]]}
        return page | ({"NextToken": names[most - 1]} if len(names) > most else {})

    def _group(self, operation: str, given: Mapping[str, Any]) -> dict[str, Alarm]:
        name = given.get("GroupName", "default")
        if name not in self.alarms:
            raise refusal(operation, "ResourceNotFoundException", f"Schedule group {name} does not exist.")
        return self.alarms[name]

    def _known(self, operation: str, given: Mapping[str, Any]) -> Alarm:
        found = self._group(operation, given).get(given["Name"])
        if found is None:
            raise refusal(operation, "ResourceNotFoundException", f"Schedule {given['Name']} does not exist.")
        return found

    def _alarm(self, operation: str, given: Mapping[str, Any]) -> Alarm:
        match = _AT.fullmatch(given["ScheduleExpression"])
        if match is None or not _NAME.fullmatch(given["Name"]):
            raise refusal(operation, "ValidationException", f"Invalid Schedule Expression {given['ScheduleExpression']} or name.")
        at = (datetime.fromisoformat(match[1]).replace(tzinfo=UTC) - START).total_seconds()
        what = f"alarm {given['Name']} rings"
        return Alarm("schedule", what, at, self, background=True, group=given["GroupName"], name=given["Name"], given=dict(given))

    def _arn(self, given: Mapping[str, Any]) -> str:
        return f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{given['GroupName']}/{given['Name']}"

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def things(self) -> list[Thing]:
        """Every tick and every alarm."""
        found: list[Thing] = list(self._ticks)
        for alarms in self.alarms.values():
            found += alarms.values()
        return found

    def deliver(self, thing: Thing) -> str:
        """Invoke what is due."""
        if isinstance(thing, Tick):
            return self._swept(thing)
        assert isinstance(thing, Alarm)
        if thing.rung:
            self.drop(thing)
            return "removed"
        target = thing.given["Target"]
        self._invocations.accept(function_of(target["Arn"]), json.loads(target["Input"]), f"alarm {thing.name}")
        thing.rung, thing.what, thing.due = True, f"alarm {thing.name} is removed", self._ground.clock.seconds + REMOVED_AFTER
        return "rings"

    def duplicate(self, thing: Thing) -> None:
        """Scheduler delivers at least once."""
        if isinstance(thing, Alarm) and not thing.rung:
            target = thing.given["Target"]
            self._invocations.accept(function_of(target["Arn"]), json.loads(target["Input"]), f"alarm {thing.name}")
        elif isinstance(thing, Tick) and thing.sweep:
            self._sweep(thing.sweep)

    def drop(self, thing: Thing) -> None:
        """An alarm goes, a tick is left out."""
        if isinstance(thing, Alarm):
            if self.alarms[thing.group].get(thing.name) is thing:
                del self.alarms[thing.group][thing.name]
        elif isinstance(thing, Tick) and thing.sweep:
            thing.due += thing.sweep.every_seconds

    def _tick(self, sweep: Sweep) -> Tick:
        return Tick("schedule", f"{sweep.function} is due", sweep.every_seconds, self, background=True, sweep=sweep)

    def _swept(self, thing: Tick) -> str:
        """Sweeps that nobody has delivered yet are not heaped up: the last one is as good as all of them."""
        assert thing.sweep is not None
        now = self._ground.clock.seconds
        while thing.due <= now:
            thing.due += thing.sweep.every_seconds
        if thing.under_way in self._invocations.waiting:
            return "the last one is still on its way"
        thing.under_way = self._sweep(thing.sweep)
        return "called"

    def _sweep(self, sweep: Sweep) -> Thing:
        event = {
            "version": "0",
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": ACCOUNT,
            "time": moment(self._ground.clock.seconds),
            "region": REGION,
            "resources": [],
            "detail": "{}",
        }
        thing = self._invocations.accept(sweep.function, event, "schedule")
        thing.background = True
        return thing


_OPERATIONS: Mapping[str, Callable[[Schedules, str, Mapping[str, Any]], dict[str, Any]]] = {
    "CreateSchedule": Schedules._create,
    "UpdateSchedule": Schedules._update,
    "DeleteSchedule": Schedules._delete,
    "GetSchedule": Schedules._get,
    "ListSchedules": Schedules._list,
}
