"""A copy that will never answer though ECS finds nothing amiss: let go, ended, replaced, and nobody repeats himself."""

from typing import Any

from tests.fabric import world
from tests.fabric.crash import watching
from tests.functional.serving import samples
from tests.functional.serving.hosts import host_with_task
from tests.functional.serving.test_crashing import BEYOND_HOPE, _condemned
from tests.functional.serving.world import TABLE, Serving

_OLD, _NEW = "a" * 32, "b" * 32


def _ended_as_asked(serving: Serving, service: str, task: str = _OLD) -> None:
    told = {"stopCode": "UserInitiated", "stoppedReason": "Slipway replaces this task: engine-answer-invalid"}
    serving.ecs(samples.task_event(service, "STOPPED", 9, task=task, desired="STOPPED", **told))


def _capacity() -> list[dict[str, Any]]:
    return [fact for fact in world.ledger(TABLE) if fact["event_type"] == "CapacityChanged"]


def test_a_copy_beyond_hope_gives_way_to_another(serving: Serving) -> None:
    """Routing is told once, with the reason; ECS ends it; its place is taken, and the model recovers."""
    service = serving.in_service()
    serving.hear("RouteHealthObserved", BEYOND_HOPE)
    assert serving.ended == {"aaaaaaaa Slipway replaces this task: engine-answer-invalid"}
    told = _capacity()[-1]
    assert [(target["target_id"], target["status"]) for target in told["data"]["targets"]] == [(_OLD, "stopping")]
    assert "engine-answer-invalid" in serving.on_model("list_model_events")[1]["items"][-1]["data"]["reason"]
    serving.hear("RouteChanged", samples.route("probing", 3, targets=()))
    _ended_as_asked(serving, service)
    assert (serving.model()["deaths"] != [], serving.model()["futile"]) == (True, 1)
    serving.ecs(samples.task_event(service, "RUNNING", 3, task=_NEW))
    serving.hear("RouteChanged", samples.route("open", 4, targets=(_NEW,)))
    shown = serving.on_model("read_model")[1]
    assert (shown["status"], {c["type"]: c["status"] for c in shown["conditions"]}["RouteOpen"]) == ("InService", "True")


def test_the_sweep_repeats_itself_to_nobody(serving: Serving) -> None:
    """A copy that routing has dropped is told to it no more; ECS is asked until it has ended the copy, and nothing is written."""
    service = serving.in_service()
    _, task = host_with_task(service)  # one that ECS knows
    serving.ecs(samples.task_event(service, "RUNNING", 3, task=task))
    _ended_as_asked(serving, service)
    serving.hear("RouteHealthObserved", {**BEYOND_HOPE, "target_id": task})
    serving.hear("RouteChanged", samples.route("probing", 3, targets=()))
    before = world.told(TABLE)
    for _ in range(3):
        with watching() as watch:
            assert serving.run("sweep_models", {})["replaced"] == 1
        assert watch.of("TransactWriteItems") == []
    assert world.told(TABLE) == before


def test_what_died_between_write_and_ecs_is_done_by_the_sweep(serving: Serving) -> None:
    """Or by the event's second delivery: whoever is first."""
    _condemned(serving)
    assert serving.ended == set()
    assert serving.run("sweep_models", {})["replaced"] == 1
    assert len(serving.ended) == 1


def test_a_copy_that_ecs_has_forgotten_counts_as_ended(serving: Serving) -> None:
    """ECS calls it an invalid parameter; the function does not fail."""
    serving.in_service()
    serving.alive.clear()
    with watching() as watch:
        serving.hear("RouteHealthObserved", BEYOND_HOPE)
    assert [call.parameters["task"] for call in watch.of("StopTask")] == [_OLD]


def test_copies_that_are_replaced_in_vain_end_with_the_model_stopped(serving: Serving) -> None:
    """Three in a row that never answered: trying on costs and serves nobody."""
    service = serving.in_service()
    tasks = ["a" * 32, "b" * 32, "c" * 32]
    for number, task in enumerate(tasks):
        assert serving.model()["status"] == "InService"
        if number:
            serving.ecs(samples.task_event(service, "RUNNING", 3, task=task))
        serving.hear("RouteHealthObserved", {**BEYOND_HOPE, "target_id": task})
        serving.hear("RouteChanged", samples.route("probing", 3 + number, targets=()))
        _ended_as_asked(serving, service, task)
    assert len(serving.ended) == len(tasks)
    assert serving.model()["status"] == "Stopping"


def test_a_start_is_tried_once_more_with_another_copy(serving: Serving) -> None:
    """ECS would keep the first for ever, and the operation would wait until its deadline."""
    service = serving.running()
    crashed = {**BEYOND_HOPE, "failure": {"code": "engine-crashed", "message": "It ended.", "hint": ""}}
    serving.hear("RouteHealthObserved", crashed)
    _ended_as_asked(serving, service)
    serving.ecs(samples.task_event(service, "RUNNING", 3, task=_NEW))
    assert serving.model()["status"] == "Creating"
    serving.hear("RouteHealthObserved", {**crashed, "target_id": _NEW})
    model = serving.model()
    assert (model["status"], model["failure"]["code"]) == ("Failed", "engine-crashed")
    assert serving.services() == []
