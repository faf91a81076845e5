"""A model that nobody uses is put to sleep, and woken by the next request: once, and also if that comes at the worst moment."""

from typing import Any, Literal

import pytest

from serving.usecases.waking import Waking
from serving.wiring import adapters, commands
from tests.fabric import world
from tests.fabric.crash import watching
from tests.fakes.serving import OvertakenTraffics
from tests.functional.serving import load, samples
from tests.functional.serving.changing import told_by_routing
from tests.functional.serving.load import earlier, hear, in_service, observed, opened
from tests.functional.serving.test_scaling import WRITES
from tests.functional.serving.world import TABLE, Serving, own_event


def _sweep(serving: Serving) -> dict[str, Any]:
    load.count(running=1)
    done: dict[str, Any] = serving.run("sweep_models", {})
    return {name: number for name, number in done.items() if number}


def _wake(serving: Serving, generation: int = 2) -> None:
    hear(serving, "ModelWakeRequested", load.wake(generation))


def _operation(serving: Serving) -> tuple[str, str]:
    operation = serving.operation(serving.model()["operation"])
    return operation["kind"], operation["created_by"]


def _stopped(serving: Serving) -> None:
    serving.run("on_model_stopped", load.stopped(serving))


def test_a_model_that_nobody_uses_is_put_to_sleep(serving: Serving) -> None:
    """Its last request is as long ago as its wish allows; before that nothing is written."""
    in_service(serving, idle_minutes=5)
    opened(3600)
    hear(serving, "LoadObserved", observed(0, seconds=-1, last_request_at=load.moment(-280)))
    load.announce()
    with watching() as watch:
        assert _sweep(serving) == {}
    assert {call.operation for call in watch.calls} & WRITES == set()
    earlier(20)
    assert _sweep(serving) == {"put_to_sleep": 1}
    assert serving.model()["status"] == "Stopping"
    assert _operation(serving) == ("sleep", "autoscaler")
    fact = world.ledger(TABLE)[-1]
    assert (fact["event_type"], fact["data"]["asleep"]) == ("ModelStopRequested", True)


@pytest.mark.parametrize(("seconds", "done"), [(290, {}), (310, {"put_to_sleep": 1})])
def test_a_model_that_was_never_used_sleeps_after_its_time_in_service(serving: Serving, seconds: float, done: dict[str, int]) -> None:
    """Nobody has spoken of it, so the opening of its route counts."""
    in_service(serving, idle_minutes=5)
    opened(seconds)
    assert _sweep(serving) == done


def test_a_model_that_was_just_woken_is_not_idle_since_before(serving: Serving) -> None:
    """Its last request was hours ago, but it sleeps no earlier than its minutes after it could be used again."""
    in_service(serving, idle_minutes=5)
    hear(serving, "LoadObserved", observed(0, seconds=-1, last_request_at=load.moment(-9000)))
    opened(60)
    assert _sweep(serving) == {}


def test_a_model_in_use_does_not_sleep(serving: Serving) -> None:
    """A request has been under way for longer than the idle minutes; silence of its router ends it only in the end."""
    in_service(serving, idle_minutes=1)
    opened(3600)
    hear(serving, "LoadObserved", observed(1, requests=0, seconds=-1, last_request_at=load.moment(-600)))
    assert _sweep(serving) == {}
    earlier(280)
    assert _sweep(serving) == {}
    earlier(60)
    assert _sweep(serving) == {"put_to_sleep": 1}


def test_a_model_without_idle_minutes_never_sleeps(serving: Serving) -> None:
    """Nor does one whose route nobody can use."""
    in_service(serving)
    opened(999_999)
    assert _sweep(serving) == {}
    serving.hear("RouteChanged", samples.route("probing", 3))
    spec = serving.model()["spec"]
    load.model(spec=spec | {"capacity": spec["capacity"] | {"idle_minutes": 1}})
    assert _sweep(serving) == {}


def test_a_request_wakes_a_model_that_sleeps_once(serving: Serving) -> None:
    """However many routers ask, however often the events come: one operation, one ModelRequested."""
    in_service(serving)
    load.asleep()
    for _ in range(5):
        _wake(serving)
    assert serving.model()["status"] == "Starting"
    assert _operation(serving) == ("wake", "router")
    assert world.told(TABLE).count("ModelRequested") == 2  # its creation's, and this one


@pytest.mark.parametrize("status", ["InService", "Updating", "Creating", "Starting", "Deleting", "Failed", "Stopped"])
def test_nothing_but_sleep_is_ended_by_a_request(serving: Serving, status: str) -> None:
    """What runs, what is on its way, what a person stopped: nothing is written."""
    in_service(serving)
    load.model(status=status, asleep=False)
    with watching() as watch:
        _wake(serving)
    assert {call.operation for call in watch.calls} & WRITES == set()


def test_a_request_during_an_earlier_sleep_does_not_end_this_one(serving: Serving) -> None:
    """Its event comes late: the model has served since, and sleeps again."""
    in_service(serving)
    load.asleep()
    load.model(served_from=2, generation=4)
    _wake(serving, generation=1)
    assert serving.model()["status"] == "Stopped"
    _wake(serving, generation=3)
    assert serving.model()["status"] == "Starting"


def test_nobody_is_woken_who_is_not_there(serving: Serving) -> None:
    """A model that is gone, one that never was."""
    with watching() as watch:
        _wake(serving)
    assert {call.operation for call in watch.calls} & WRITES == set()


def test_a_request_while_a_model_falls_asleep_wakes_it_as_soon_as_it_sleeps(serving: Serving) -> None:
    """Written down once; the model's own event of having fallen asleep finds it."""
    _falling_asleep(serving)
    _wake(serving)
    with watching() as watch:
        _wake(serving)
    assert {call.operation for call in watch.calls} & WRITES == set()
    assert (serving.model()["status"], load.traffic()["wake_wanted"]) == ("Stopping", 2)
    load.asleep()
    _stopped(serving)
    _stopped(serving)
    assert serving.model()["status"] == "Starting"
    assert world.told(TABLE).count("ModelRequested") == 2


def test_nobody_asked_so_it_sleeps_on(serving: Serving) -> None:
    """Nor does what somebody asked of an earlier sleep wake it, by event or by sweep."""
    _falling_asleep(serving)
    _wake(serving)
    load.asleep()
    load.model(served_from=3, generation=4)
    _stopped(serving)
    assert (_sweep(serving), serving.model()["status"]) == ({"orphans_removed": 1}, "Stopped")


def test_a_wake_whose_event_is_lost_is_found_by_the_sweep(serving: Serving) -> None:
    """At the latest a minute after the model has fallen asleep."""
    _falling_asleep(serving)
    _wake(serving)
    load.asleep()
    assert _sweep(serving)["woken"] == 1
    assert serving.model()["status"] == "Starting"


def test_a_model_that_falls_asleep_while_the_request_is_written_down_wakes_all_the_same(serving: Serving) -> None:
    """Its event came too early to find what was written; whoever wrote it looks again."""
    _falling_asleep(serving)

    def fall_asleep() -> None:
        load.asleep()
        _stopped(serving)

    traffics = OvertakenTraffics(adapters.traffics(), fall_asleep)
    waking = Waking(adapters.store(), traffics, commands.start_model(), adapters.CLOCK)
    assert waking.wake(samples.MODEL_ID, 2, None)
    assert serving.model()["status"] == "Starting"


def test_a_stop_that_a_person_asked_for_is_not_undone_by_a_request(serving: Serving) -> None:
    """Neither at once nor when it has ended."""
    _falling_asleep(serving, kind="stop")
    _wake(serving)
    load.model(status="Stopped", asleep=False, operation=None, deployments=[], tasks=[])
    _stopped(serving)
    assert serving.model()["status"] == "Stopped"


def _falling_asleep(serving: Serving, kind: Literal["sleep", "stop"] = "sleep") -> None:
    """A model in service that was asked to leave it."""
    in_service(serving)
    load.fall_asleep(serving, kind)


def test_sleep_and_wake_go_the_whole_way(serving: Serving) -> None:
    """Idle → asleep with nothing left in ECS, a request during it → in service again, each through its own machine, one of each."""
    service = in_service(serving, idle_minutes=5)
    opened(3600)
    assert _sweep(serving) == {"put_to_sleep": 1}
    serving.pump()
    _wake(serving)  # the route sleeps from its closing on, the engines end later
    told_by_routing(serving, 3, state="asleep")
    serving.ecs(samples.task_event(service, "STOPPED", 9, desired="STOPPED", stopCode="ServiceSchedulerInitiated"))
    assert (serving.model()["status"], serving.model()["asleep"], serving.services()) == ("Stopped", True, [])
    fact = world.ledger(TABLE)[-1]
    assert (fact["event_type"], fact["data"]["asleep"]) == ("ModelStopped", True)
    serving.run("on_model_stopped", own_event(fact))
    _wake(serving)
    serving.pump()
    serving.hear("ModelVersionValidated", samples.validated(), within=serving.model()["operation"])
    service = str(serving.model()["deployments"][-1]["service"])
    serving.ecs(samples.task_event(service, "RUNNING", 3, task="b" * 32))
    told_by_routing(serving, 4, "b" * 32)
    assert (serving.model()["status"], serving.model()["asleep"], serving.services()) == ("InService", False, [service])
    assert [world.told(TABLE).count(name) for name in ("ModelRequested", "ModelStopRequested", "ModelInService")] == [2, 1, 2]
    assert "put_to_sleep" not in _sweep(serving)


@pytest.mark.parametrize("actor", ["person", "schedule"])
def test_a_model_that_sleeps_can_be_stopped_for_good(serving: Serving, actor: str) -> None:
    """Nothing of it runs, yet the next request would wake it: after a stop none does. Putting it to sleep again changes nothing."""
    service = in_service(serving)
    load.fall_asleep(serving)
    serving.pump()
    told_by_routing(serving, 3, state="asleep")
    serving.ecs(samples.task_event(service, "STOPPED", 9, desired="STOPPED", stopCode="ServiceSchedulerInitiated"))
    assert (serving.model()["status"], serving.model()["asleep"]) == ("Stopped", True)
    assert not commands.stop_model().by_platform(samples.MODEL_ID, "sleep", "autoscaler", None)
    if actor == "person":
        assert serving.on_model("stop_model")[0] == 202
    else:
        assert commands.stop_model().by_platform(samples.MODEL_ID, "stop", "schedule", None)
    serving.pump()
    assert world.ledger(TABLE)[-2]["data"]["asleep"] is False
    assert (serving.model()["status"], serving.model()["asleep"]) == ("Stopped", False)
    told_by_routing(serving, 4, state="closed")
    _wake(serving, generation=3)
    assert serving.model()["status"] == "Stopped"
