"""Schedules: alarms set and moved, boundaries acted upon once, people's starts and stops left alone until the next."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from contracts.views import READ_MODEL, ScheduleState
from kit.aws import client
from kit.clock import ManualClock
from kit.errors import Transient
from serving.adapters.agendas import TableAgendas
from serving.domain.agenda import Agenda
from serving.wiring import adapters
from tests.fabric import world
from tests.fabric.crash import watching
from tests.functional.serving import samples
from tests.functional.serving.scheduled import WEEKDAYS, agenda, alarms, give, moments, request, ring, stand, tell
from tests.functional.serving.world import TABLE, Serving, serving_world

_WRITES = {"TransactWriteItems", "PutItem", "DeleteItem", "CreateSchedule", "UpdateSchedule", "DeleteSchedule"}
_MODEL = samples.MODEL_ID


def utc(text: str) -> datetime:
    """`2026-07-06T10:00` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Calendar(ManualClock):
    """A clock that is set to a day and an hour."""

    def set(self, text: str) -> datetime:
        """Set it."""
        self.advance((utc(text) - self.now()).total_seconds())
        return self.now()


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    """A Monday in July, at noon in Berlin."""
    clock = Calendar(utc("2026-07-06T10:00"))
    monkeypatch.setattr(adapters, "CLOCK", clock)
    return clock


@pytest.fixture
def serving(calendar: Calendar) -> Iterator[Serving]:
    """Serving by that calendar, with a model in service that has a schedule."""
    del calendar
    with serving_world() as found:
        found.in_service()
        give(found, WEEKDAYS)
        yield found


def read(serving: Serving) -> dict[str, Any]:
    """The schedule as the API shows it, which is as its contract says."""
    status, body = request(serving, "read_schedule", "GET")
    assert status == 200
    ScheduleState.model_validate(body)
    assert isinstance(body, dict)
    return body


def told(after: int) -> list[tuple[str, str]]:
    """Name and actor of the facts recorded since."""
    return [(fact["event_type"], fact["metadata"]["actor"]) for fact in world.ledger(TABLE)[after:]]


def facts() -> int:
    """How many there are."""
    return len(world.ledger(TABLE))


# ── what people see ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_schedule_is_set_as_an_update_of_the_model(serving: Serving) -> None:
    """One fact with the change, its class, and the schedule as a part of the wish."""
    (update,) = [fact for fact in world.ledger(TABLE) if fact["event_type"] == "ModelUpdated"]
    assert update["data"]["change_class"] == "rolling"
    assert update["data"]["model"]["schedule"]["windows"] == WEEKDAYS["windows"]
    assert serving.model()["spec"]["schedule"]["time_zone"] == "Europe/Berlin"


def test_a_schedule_is_shown_with_what_happens_next(serving: Serving) -> None:
    """In UTC and by the clock of the place; also beside the model, alone and in the list."""
    shown = read(serving)
    coming = {"action": "stop", "at": "2026-07-06T16:00:00.000Z", "local": "2026-07-06T18:00:00+02:00"}
    assert (shown["in_window"], shown["next_action"], shown["overridden_until"]) == (True, coming, None)
    _, model = serving.on_model("read_model")
    READ_MODEL.validate_python(model)
    assert model["next_action"] == coming
    listed = serving.http("list_models", "GET", "/models")[1]["items"][0]
    assert listed["next_action"] == coming


def test_a_model_without_a_schedule_has_none_to_show_or_remove(calendar: Calendar) -> None:
    """404 with a code of its own; the model says that nothing comes next."""
    del calendar
    with serving_world() as serving:
        serving.in_service()
        for function, method in (("read_schedule", "GET"), ("remove_schedule", "DELETE")):
            status, body = request(serving, function, method)
            assert (status, body["code"]) == (404, "schedule-not-found")
        assert serving.on_model("read_model")[1]["next_action"] is None
        assert request(serving, "read_schedule", "GET", model_id="unknown")[1]["code"] == "model-not-found"


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"time_zone": "Mars/Olympus_Mons"}, "schedule.time_zone", "unknown-time-zone"),
        ({"windows": [{"days": ["mon"], "opens": "08:00", "closes": "08:00"}]}, "schedule.windows[0].closes", "zero-length"),
        ({"windows": [{"days": ["mon"], "opens": "08:00", "closes": "08:05"}]}, "schedule.windows[0].closes", "too-short"),
        ({"windows": [{"days": ["mon"], "opens": "25:00", "closes": "26:00"}]}, "windows[0].opens", "string-pattern-mismatch"),
        ({"windows": []}, "windows", "too-short"),
        ({"lead_minutes": 121}, "lead_minutes", "less-than-equal"),
        ({"color": "red"}, "color", "extra-forbidden"),
    ],
)
def test_a_schedule_that_cannot_be_meant_is_refused(serving: Serving, change: dict[str, Any], path: str, code: str) -> None:
    """With the field; the model and its alarm as they were."""
    before, rang = serving.model(), moments()
    status, body = request(serving, "set_schedule", "PUT", body=WEEKDAYS | change)
    assert (status, body["code"]) == (422, "validation-failed")
    assert (path, code) in {(error["path"], error["code"]) for error in body["errors"]}
    assert (serving.model(), moments()) == (before, rang)


def test_a_model_is_made_with_a_schedule_or_refused_for_it(serving: Serving) -> None:
    """The same rules when it is asked for; a third party's model takes none at all."""
    status, body = serving.create(samples.hosted("nights", schedule=WEEKDAYS | {"time_zone": "Nowhere"}))
    assert (status, body["errors"][0]["path"]) == (422, "schedule.time_zone")
    status, body = serving.create(samples.provider(schedule=WEEKDAYS))
    assert (status, body["errors"][0]["path"], body["errors"][0]["code"]) == (422, "schedule", "not-for-provider-models")
    assert serving.create(samples.hosted("nights", schedule=WEEKDAYS))[0] == 202
    tell(serving)
    assert moments()["nights"] == "2026-07-06T16:00:00"


def test_a_repeated_request_does_nothing_and_a_late_one_is_told(serving: Serving) -> None:
    """Idempotency-Key and If-Match, as for every update."""
    other = WEEKDAYS | {"lead_minutes": 20}
    once = {"idempotency-key": "once", "if-match": '"2"'}
    first = request(serving, "set_schedule", "PUT", body=other, headers=once)
    count = facts()
    assert request(serving, "set_schedule", "PUT", body=other, headers=once) == first
    assert facts() == count
    stand(serving, "InService")
    status, body = request(serving, "remove_schedule", "DELETE", headers={"if-match": '"2"'})
    assert (status, body["code"]) == (412, "generation-stale")
    gone = {"idempotency-key": "gone"}
    removed = request(serving, "remove_schedule", "DELETE", headers=gone)
    assert removed[0] == 202
    stand(serving, "InService")
    assert request(serving, "remove_schedule", "DELETE", headers=gone) == removed


@pytest.mark.parametrize(
    ("function", "method", "body"), [("set_schedule", "PUT", WEEKDAYS | {"lead_minutes": 5}), ("remove_schedule", "DELETE", None)]
)
def test_a_schedule_can_be_tried_without_being_set(serving: Serving, function: str, method: str, body: Any) -> None:
    """The plan of the update, and nothing written."""
    before, count = serving.model(), facts()
    status, plan = request(serving, function, method, body=body, query={"dry_run": "true"})
    assert (status, plan["change_class"]) == (200, "rolling")
    assert (serving.model(), facts()) == (before, count)


# ── alarms ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_alarm_is_set_for_the_next_boundary(serving: Serving) -> None:
    """Once, to the minute, for the function that acts, under the role that may call it; removed when it has rung."""
    del serving
    ((name, alarm),) = alarms().items()
    assert (name, alarm["ScheduleExpression"], alarm["ScheduleExpressionTimezone"]) == (_MODEL, "at(2026-07-06T16:00:00)", "UTC")
    assert (alarm["ActionAfterCompletion"], alarm["FlexibleTimeWindow"]) == ("DELETE", {"Mode": "OFF"})
    target = alarm["Target"]
    assert target["Arn"].endswith(":function:slipway-test-apply-schedule")
    assert target["RoleArn"].endswith(":role/alarm")
    assert target["DeadLetterConfig"]["Arn"].endswith(":dead")
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 4, "MaximumEventAgeInSeconds": 300}
    assert target["Input"] == f'{{"model_id": "{_MODEL}", "generation": 2}}'


def test_a_changed_schedule_moves_the_alarm(serving: Serving) -> None:
    """The same alarm, at another time; what comes again after that changes nothing."""
    window = {"days": ["mon"], "opens": "09:00", "closes": "13:30"}
    give(serving, WEEKDAYS | {"windows": [window]})
    assert moments() == {_MODEL: "2026-07-06T11:30:00"}
    with watching() as watch:
        tell(serving)
    assert {call.operation for call in watch.calls} & _WRITES == set()


@pytest.mark.parametrize("way", ["removed", "switched off", "model deleted"])
def test_no_alarm_is_left_behind(serving: Serving, way: str) -> None:
    """And no row."""
    if way == "removed":
        assert request(serving, "remove_schedule", "DELETE")[0] == 202
    elif way == "switched off":
        assert request(serving, "set_schedule", "PUT", body=WEEKDAYS | {"enabled": False})[0] == 202
        assert read(serving)["next_action"] is None
        assert read(serving)["in_window"] is False
    else:
        assert serving.on_model("delete_model")[0] == 202
    tell(serving)
    assert (alarms(), agenda()) == ({}, None)


def test_a_model_is_not_gone_before_its_alarm_is(serving: Serving) -> None:
    """Though nobody was told of the deletion: the last step takes both away."""
    serving.on_model("delete_model")
    serving.run("erase_model", serving.order())
    assert serving.model()["deleted"] is True
    assert (alarms(), agenda()) == ({}, None)


# ── boundaries ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_window_closes(serving: Serving, calendar: Calendar) -> None:
    """The model stops, by the schedule's own hand; the next alarm is set beside the one that rings."""
    count = facts()
    assert ring(serving, calendar.set("2026-07-06T16:00")) == {"action": "stop", "alarm": "2026-07-07T06:00:00.000Z"}
    assert serving.model()["status"] == "Stopping"
    assert told(count) == [("ModelStopRequested", "schedule")]
    assert moments() == {f"{_MODEL}.": "2026-07-07T06:00:00"}


def test_a_window_opens(serving: Serving, calendar: Calendar) -> None:
    """The model starts; the alarms take turns."""
    ring(serving, calendar.set("2026-07-06T16:00"))
    stand(serving, "Stopped")
    count = facts()
    assert ring(serving, calendar.set("2026-07-07T06:00"))["action"] == "start"
    assert serving.model()["status"] == "Starting"
    assert told(count) == [("ModelRequested", "schedule")]
    assert moments() == {_MODEL: "2026-07-07T16:00:00"}


def test_an_alarm_that_rings_twice_acts_once(serving: Serving, calendar: Calendar) -> None:
    """Nor does one that rings too early act at all."""
    assert serving.run("apply_schedule", {"model_id": _MODEL, "generation": 2}) == {}
    ring(serving, calendar.set("2026-07-06T16:00"))
    stand(serving, "InService")  # a person starts it again at once
    count = facts()
    assert serving.run("apply_schedule", {"model_id": _MODEL, "generation": 2}) == {}
    assert (told(count), moments()) == ([], {f"{_MODEL}.": "2026-07-07T06:00:00"})


def test_what_a_person_does_holds_until_the_next_boundary(serving: Serving, calendar: Calendar) -> None:
    """Stopped at noon it stays stopped, and that is said; the evening finds nothing to do; the next morning starts it."""
    calendar.set("2026-07-06T12:00")
    stand(serving, "Stopped")
    tell(serving)
    assert read(serving)["overridden_until"] == "2026-07-06T16:00:00.000Z"
    count = facts()
    assert ring(serving, calendar.set("2026-07-06T16:00"))["action"] == "stop"
    assert told(count) == []
    assert read(serving)["overridden_until"] is None
    stand(serving, "InService")  # started by a person at night
    calendar.set("2026-07-06T23:00")
    tell(serving)
    assert read(serving)["overridden_until"] == "2026-07-07T06:00:00.000Z"
    ring(serving, calendar.set("2026-07-07T06:00"))
    assert (told(count), read(serving)["overridden_until"]) == ([], None)


def test_a_schedule_does_not_act_on_what_was_before_it(serving: Serving, calendar: Calendar) -> None:
    """Made at noon on a stopped model, it starts it tomorrow morning and not today's."""
    stand(serving, "Stopped")
    calendar.set("2026-07-06T10:30")
    assert request(serving, "set_schedule", "PUT", body=WEEKDAYS | {"lead_minutes": 15})[0] == 202
    count = facts()
    tell(serving)
    assert told(count) == []
    assert serving.model()["status"] == "Stopped"
    assert read(serving)["overridden_until"] == "2026-07-06T16:00:00.000Z"


def test_a_start_begins_ahead_of_its_window(serving: Serving, calendar: Calendar) -> None:
    """By the lead; the window itself is not open yet."""
    ring(serving, calendar.set("2026-07-06T16:00"))
    stand(serving, "Stopped")
    assert request(serving, "set_schedule", "PUT", body=WEEKDAYS | {"lead_minutes": 15})[0] == 202
    tell(serving)
    ring(serving, calendar.set("2026-07-07T05:45"))
    assert (serving.model()["status"], read(serving)["in_window"]) == ("Starting", False)


@pytest.mark.parametrize("busy", ["Creating", "Starting", "Updating"])
def test_a_boundary_waits_for_the_operation_under_way(serving: Serving, calendar: Calendar, busy: str) -> None:
    """And is acted upon when that has ended, without anybody asking again and again."""
    stand(serving, busy)
    count = facts()
    assert "action" not in ring(serving, calendar.set("2026-07-06T16:00"))
    assert told(count) == []
    assert read(serving)["overridden_until"] is None
    stand(serving, "InService")
    calendar.set("2026-07-06T16:07")
    tell(serving)
    assert told(count) == [("ModelStopRequested", "schedule")]
    assert moments() == {f"{_MODEL}.": "2026-07-07T06:00:00"}


def test_a_window_closes_on_a_model_that_sleeps(serving: Serving, calendar: Calendar) -> None:
    """Nobody wakes it any more until the next one opens; one that is falling asleep then is stopped when it sleeps."""
    stand(serving, "Stopping")
    count = facts()
    ring(serving, calendar.set("2026-07-06T16:00"))
    assert told(count) == []
    stand(serving, "Stopped", asleep=True)
    tell(serving)
    assert told(count) == [("ModelStopRequested", "schedule")]
    assert world.ledger(TABLE)[-1]["data"]["asleep"] is False


def test_a_window_opens_on_a_model_that_sleeps(serving: Serving, calendar: Calendar) -> None:
    """It starts without waiting for a request."""
    ring(serving, calendar.set("2026-07-06T16:00"))
    stand(serving, "Stopped", asleep=True)
    ring(serving, calendar.set("2026-07-07T06:00"))
    assert serving.model()["status"] == "Starting"


def test_a_boundary_that_waited_is_overtaken_by_the_next(serving: Serving, calendar: Calendar) -> None:
    """Only the last one counts."""
    stand(serving, "Stopping")
    count = facts()
    ring(serving, calendar.set("2026-07-06T16:00"))
    calendar.set("2026-07-07T06:00")
    assert ring(serving, calendar.now()) == {"alarm": "2026-07-07T16:00:00.000Z"}
    stand(serving, "Stopped")
    ring(serving, calendar.set("2026-07-07T16:00"))
    assert (told(count), serving.model()["status"]) == ([], "Stopped")


@pytest.mark.parametrize(("goal", "ends"), [("serve", "retry"), ("remove", None)])
def test_a_window_gives_a_failed_model_another_try(serving: Serving, calendar: Calendar, goal: str, ends: str | None) -> None:
    """One a window; a deletion that failed is left to people."""
    ring(serving, calendar.set("2026-07-06T16:00"))
    stand(serving, "Failed", failed_goal=goal)
    tell(serving)
    ring(serving, calendar.set("2026-07-07T06:00"))
    operation = serving.model()["operation"]
    assert (serving.operation(operation)["kind"] if operation else None) == ends


def test_a_model_that_is_gone_is_left_alone(serving: Serving, calendar: Calendar) -> None:
    """An alarm of nobody calls in vain."""
    calendar.set("2026-07-06T16:00")
    assert serving.run("apply_schedule", {"model_id": "unknown", "generation": 1}) == {}


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_at_rest_the_sweep_reads_and_writes_nothing(serving: Serving) -> None:
    """One listing of the alarms, one row of the model with a schedule."""
    serving.run("sweep_models", {})
    with watching() as watch:
        done = serving.run("sweep_models", {})
    assert {call.operation for call in watch.calls} & _WRITES == set()
    assert len(watch.of("ListSchedules")) == 1
    assert not {"schedules_repaired", "alarms_removed"} & set(done)


@pytest.mark.parametrize("lost", ["alarm", "row", "both"])
def test_an_alarm_that_is_missing_is_set_again(serving: Serving, lost: str) -> None:
    """By the sweep, whatever became of it."""
    if lost != "row":
        client("scheduler").delete_schedule(GroupName="alarms", Name=_MODEL)
    if lost != "alarm":
        client("dynamodb").delete_item(TableName=TABLE, Key={"pk": {"S": f"MODEL#{_MODEL}"}, "sk": {"S": "SCHEDULE"}})
    assert serving.run("sweep_models", {})["schedules_repaired"] == 1
    assert moments() == {_MODEL: "2026-07-06T16:00:00"}
    assert "schedules_repaired" not in serving.run("sweep_models", {})


def test_a_boundary_that_nobody_heard_is_acted_upon_by_the_sweep(serving: Serving, calendar: Calendar) -> None:
    """The alarm rang and its call was lost."""
    client("scheduler").delete_schedule(GroupName="alarms", Name=_MODEL)
    calendar.set("2026-07-06T16:01")
    count = facts()
    assert serving.run("sweep_models", {})["schedules_repaired"] == 1
    assert told(count)[0] == ("ModelStopRequested", "schedule")
    assert moments() == {f"{_MODEL}.": "2026-07-07T06:00:00"}


def test_an_alarm_of_nobody_is_removed_by_the_sweep(serving: Serving) -> None:
    """Of a model that is not there, and of one whose schedule went unnoticed."""
    made = alarms()[_MODEL]
    known = {"ScheduleExpression", "FlexibleTimeWindow", "Target", "GroupName"}
    client("scheduler").create_schedule(Name="nobody.", **{name: value for name, value in made.items() if name in known})
    request(serving, "remove_schedule", "DELETE")
    stand(serving, "InService")
    assert serving.run("sweep_models", {})["alarms_removed"] == 2
    assert (alarms(), agenda()) == ({}, None)


def _refuse(**_: Any) -> Any:
    raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "Any")


def test_a_sweep_that_cannot_see_the_alarms_takes_none_for_lost(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees to everything else, and says what it could not."""
    with monkeypatch.context() as patched:
        patched.setattr(client("scheduler"), "list_schedules", _refuse)
        with watching() as watch, pytest.raises(Transient, match="alarms: scheduler-refused"):
            serving.run("sweep_models", {})
    assert {call.operation for call in watch.calls} & {"CreateSchedule", "UpdateSchedule", "DeleteSchedule"} == set()
    assert moments() == {_MODEL: "2026-07-06T16:00:00"}


def test_an_alarm_that_cannot_be_set_fails_the_call_and_is_set_by_the_next(
    serving: Serving, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was due is done by then, and not done again."""
    calendar.set("2026-07-06T16:00")
    with monkeypatch.context() as patched:
        patched.setattr(client("scheduler"), "create_schedule", _refuse)
        with pytest.raises(Transient, match="scheduler-refused"):
            serving.run("apply_schedule", {"model_id": _MODEL, "generation": 2})
    count = facts()
    assert serving.model()["status"] == "Stopping"
    assert serving.run("apply_schedule", {"model_id": _MODEL, "generation": 2})["alarm"] == "2026-07-07T06:00:00.000Z"
    assert (told(count), moments()[f"{_MODEL}."]) == ([], "2026-07-07T06:00:00")


def test_whoever_loses_the_row_sets_the_alarm_once_more(serving: Serving, monkeypatch: pytest.MonkeyPatch, calendar: Calendar) -> None:
    """Two set an alarm at the same time, by an old schedule and by a new one: the last to set it has read the last schedule."""
    real = TableAgendas.keep
    overtaken: list[bool] = []
    earlier = {"days": ["mon"], "opens": "09:00", "closes": "13:30"}

    def keep(self: TableAgendas, before: Agenda | None, after: Agenda) -> Agenda:
        if not overtaken:
            overtaken.append(True)
            stand(serving, "InService")
            give(serving, WEEKDAYS | {"windows": [earlier]})
            late = client("scheduler").get_schedule(GroupName="alarms", Name=_MODEL)
            wanted = {name: late[name] for name in ("Name", "GroupName", "FlexibleTimeWindow", "Target")}
            client("scheduler").update_schedule(**wanted, ScheduleExpression="at(2026-07-06T17:00:00)")
        return real(self, before, after)

    monkeypatch.setattr(TableAgendas, "keep", keep)
    calendar.set("2026-07-06T10:10")
    later = {"days": ["mon"], "opens": "09:00", "closes": "19:00"}
    assert request(serving, "set_schedule", "PUT", body=WEEKDAYS | {"windows": [later]})[0] == 202
    tell(serving)
    assert overtaken
    assert moments() == {_MODEL: "2026-07-06T11:30:00"}
