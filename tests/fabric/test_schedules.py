"""Each rule by which the scheduler calls, as AWS documents it. Names of pages are those of docs.aws.amazon.com."""

from typing import Any

from tests.fabric.deliveries import World
from tests.fabric.delivery.invocations import Invocations
from tests.fabric.delivery.schedules import Schedules
from tests.fabric.topology import topology


def _schedules(world: World) -> tuple[Schedules, Invocations]:
    ground = world.ground()
    invocations = Invocations(ground, topology())
    return Schedules(ground, topology(), invocations, ("alarms",)), invocations


def _alarm(at: str) -> dict[str, Any]:
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:slipway-test-apply-schedule"
    target = {"Arn": arn, "RoleArn": "r", "Input": '{"model_id": "m1"}'}
    return {"Name": "m1", "GroupName": "alarms", "ScheduleExpression": f"at({at})", "Target": target}


def test_sweeps_come_as_often_as_the_template_says() -> None:
    """schedule-types.html, rate-based: serving's every minute, everybody else's every five."""
    world = World()
    schedules, invocations = _schedules(world)
    for _ in range(200):
        thing = min(schedules.things(), key=lambda one: one.due)
        if thing.due > 600:
            break
        world.clock.move_to(thing.due)
        schedules.deliver(thing)
        while invocations.waiting:
            invocations.deliver(invocations.waiting[0])
    names = [name for name, _ in world.runs]
    assert names.count("ServingSweepModelsFunction") == 10
    assert names.count("RoutingSweepRoutesFunction") == 2


def test_an_alarm_rings_once_and_is_removed_after_it() -> None:
    """schedule-types.html, one-time, and API_CreateSchedule, ActionAfterCompletion DELETE: it calls, and some time later is gone."""
    world = World()
    schedules, invocations = _schedules(world)
    schedules.call("CreateSchedule", _alarm("2026-01-01T00:01:00"))
    (alarm,) = schedules.alarms["alarms"].values()
    assert alarm.due == 60.0
    world.clock.move_to(60.0)
    schedules.deliver(alarm)
    invocations.deliver(invocations.waiting[0])
    assert world.runs == [("ServingApplyScheduleFunction", {"model_id": "m1"})]
    assert alarm.due == 120.0
    world.clock.move_to(120.0)
    schedules.deliver(alarm)
    assert schedules.alarms["alarms"] == {}


def test_an_alarm_set_anew_outlives_the_removal_of_the_one_before() -> None:
    """API_UpdateSchedule: a schedule that is updated is another; what was due of the former is not done to it here."""
    world = World()
    schedules, _ = _schedules(world)
    schedules.call("CreateSchedule", _alarm("2026-01-01T00:01:00"))
    (alarm,) = schedules.alarms["alarms"].values()
    world.clock.move_to(60.0)
    schedules.deliver(alarm)
    schedules.call("UpdateSchedule", _alarm("2026-01-02T00:00:00"))
    schedules.deliver(alarm)
    assert list(schedules.alarms["alarms"]) == ["m1"]
