"""What the stateful model test has found, each as the shortest story that shows it, so that it never comes back."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.fabric.platform import ADMIN, PROVIDER, Fabric

_BOUND_SECONDS = 300.0
"""A deletion waits for routing no longer than this (statemachines: AwaitRouteClosed), whatever is lost."""


def _delete(fabric: Fabric, key: str) -> tuple[int, Any]:
    status, told, _ = fabric.http("delete_model", "DELETE", "/models/m1", headers={"idempotency-key": key})
    return status, told


def _without(fabric: Fabric, function: str, done: Callable[[], bool]) -> None:
    """Let things happen until this is true; nothing that the bus brings reaches this function."""
    while not done():
        for thing in fabric.pending:
            if thing.kind == "bus" and function in thing.what:
                fabric.drop(thing)
        fabric.step()


def _route(fabric: Fabric, model_id: str = "m1") -> dict[str, Any]:
    return fabric.route(model_id) or {}


def _shown(fabric: Fabric) -> dict[str, str]:
    """The conditions of the model, by name."""
    return {one["type"]: one["status"] for one in fabric.model("m1")["conditions"]}


def test_a_deletion_that_is_asked_for_again_is_answered_as_before_when_the_model_is_gone() -> None:
    """The answer that was lost on the way is the same however late it is asked for, not that there is no such model."""
    with Fabric(1) as fabric:
        fabric.http("create_model", "POST", "/models", body=fabric.wish("m1"))
        fabric.run()
        first = _delete(fabric, "k")
        fabric.run()
        assert first[0] == 202
        assert _delete(fabric, "k") == first


def test_a_deletion_that_met_another_is_no_deletion_of_the_model_that_comes_after() -> None:
    """Who asked while a deletion was under way, and asks again under the key when the id is in use anew, does not delete the new model."""
    with Fabric(2) as fabric:
        fabric.http("create_model", "POST", "/models", body=fabric.wish("m1"))
        fabric.run()
        first = _delete(fabric, "one")
        met = _delete(fabric, "another")
        assert met == first
        fabric.run()
        fabric.http("create_model", "POST", "/models", body=fabric.wish("m1"))
        fabric.run()
        assert _delete(fabric, "another") == met
        assert fabric.model("m1")["status"] == "InService"


def test_a_cancellation_that_met_another_is_answered_alike_when_the_operation_has_ended() -> None:
    """Two cancel one operation; the second asks again later under the key and is told the same, not that it comes too late."""
    with Fabric(3) as fabric:
        _, begun, _ = fabric.http("create_model", "POST", "/models", body=fabric.wish("m1"))
        path = f"/operations/{begun['operation_id']}/cancel"
        fabric.http("cancel_operation", "POST", path, headers={"idempotency-key": "one"})
        first = fabric.http("cancel_operation", "POST", path, headers={"idempotency-key": "another"})
        fabric.run()
        again = fabric.http("cancel_operation", "POST", path, headers={"idempotency-key": "another"})
        assert first[0] == 202
        assert again[:2] == first[:2]


def test_a_start_that_takes_a_stops_place_does_not_wait_for_the_gpus_of_the_copies_that_go() -> None:
    """A stop is cancelled before any copy has been told to end: the old service goes before the new one is made."""
    with Fabric(4) as fabric:
        fabric.http("create_model", "POST", "/models", body=fabric.wish("m1"))
        fabric.run()
        _, stop, _ = fabric.http("stop_model", "POST", "/models/m1/stop")
        status, _, _ = fabric.http("cancel_operation", "POST", f"/operations/{stop['operation_id']}/cancel")
        assert status == 202
        former, active = set(fabric.ecs.services), set[str]()
        while not active - former:
            fabric.step()
            active = {name for name, one in fabric.ecs.services.items() if one.status == "ACTIVE"}
        assert active & former == set()
        fabric.run()
        assert fabric.model("m1")["status"] == "InService"


def test_a_failure_that_comes_behind_a_newer_wish_closes_the_route_all_the_same() -> None:
    """Routing hears of a change that was accepted after the failure before it hears of the failure, which is history to it then."""
    with Fabric(5) as fabric:
        _, begun, _ = fabric.http("create_model", "POST", "/models", body=fabric.wish("m1"))
        while _route(fabric).get("state") != "probing":
            fabric.step()
        fabric.http("cancel_operation", "POST", f"/operations/{begun['operation_id']}/cancel")
        while fabric.model("m1")["status"] != "Failed":
            fabric.step()
        while not [thing for thing in fabric.pending if thing.kind == "bus" and "RoutingOnModelFailed" in thing.what]:
            fabric.step()
        for thing in fabric.pending:
            if "RoutingOnModelFailed" in thing.what:
                fabric.delay(thing, 60)
        assert fabric.http("update_model", "PATCH", "/models/m1", body={"description": "another"})[0] == 202
        fabric.run()
        fabric.settle()
        assert _route(fabric)["state"] == "closed"


def test_a_creation_that_is_cancelled_leaves_a_closed_route_or_none_and_both_lead_on() -> None:
    """No fault, and why the crash sweep cancels creations that find no place: whether routing was told of a copy before decides which of
    the two is left. A retry brings either into service, and a deletion leaves neither."""
    left = set()
    for seed, moment in enumerate(("", "tasks", "probing")):
        with Fabric(seed) as fabric:
            _, begun, _ = fabric.http("create_model", "POST", "/models", body=fabric.wish("m1"))
            while not (moment == "" or (moment == "tasks" and fabric.ecs.tasks) or _route(fabric).get("state") == moment):
                fabric.step()
            fabric.http("cancel_operation", "POST", f"/operations/{begun['operation_id']}/cancel")
            fabric.settle()
            assert fabric.model("m1")["status"] == "Failed"
            left.add(_route(fabric).get("state"))
            fabric.http("retry_model", "POST", "/models/m1/retry")
            fabric.settle()
            assert (fabric.model("m1")["status"], _route(fabric)["state"]) == ("InService", "open")
            assert len(_route(fabric)["targets"]) == 1
            assert _delete(fabric, "gone")[0] == 202
            fabric.settle()
            assert fabric.route("m1") is None
    assert left == {None, "closed"}


def test_a_copy_that_takes_its_time_to_end_leaves_no_target_behind() -> None:
    """A stop is cancelled, and the copies of before end long after those of the start have answered: no target is left that has ended."""
    with Fabric(6) as fabric:
        fabric.http("create_model", "POST", "/models", body=fabric.wish("m1"))
        fabric.run()
        (former,) = fabric.ecs.alive()
        _, stop, _ = fabric.http("stop_model", "POST", "/models/m1/stop")
        fabric.http("cancel_operation", "POST", f"/operations/{stop['operation_id']}/cancel")
        while not (ends := [thing for thing in fabric.things if thing.kind == "ecs" and "becomes STOPPED" in thing.what]):
            fabric.step()
        ends[0].due += 600
        while fabric.model("m1")["status"] != "InService":
            fabric.step()
        assert former.last != "STOPPED"
        fabric.run()
        fabric.settle()
        assert [(target["target_id"] == former.task_id, target["status"]) for target in _route(fabric)["targets"]] == [(False, "ready")]


def test_a_model_at_rest_hears_that_its_route_has_opened_though_the_word_was_lost() -> None:
    """A copy in service ends, another takes its place, and nobody tells serving so: the sweep asks, and the conditions come right."""
    with Fabric(7) as fabric:
        fabric.http("create_model", "POST", "/models", body=fabric.wish("m1"))
        fabric.run()
        (former,) = fabric.ecs.alive()
        fabric.ecs.stop_task(former)
        while former.task_id in fabric.model("m1")["route"]["targets"] or not fabric.model("m1")["route"]["targets"]:
            fabric.step()
        _without(fabric, "ServingOnRouteChanged", lambda: fabric.quiet and _route(fabric)["state"] == "open")
        assert _shown(fabric)["RouteOpen"] == "False"
        fabric.live(700)
        assert _shown(fabric)["RouteOpen"] == _shown(fabric)["EngineReady"] == "True"
        told = len(fabric.ledger())
        fabric.live(3600)
        assert len(fabric.ledger()) == told, "who has heard asks no more"


def test_a_third_partys_change_that_was_taken_back_is_told_until_routing_follows() -> None:
    """The new third party does not let us in, the wish of before holds again, and routing never hears so: its groups come right all the
    same."""
    with Fabric(8) as fabric:
        fabric.http("create_model", "POST", "/models", body=PROVIDER)
        fabric.run()
        fabric.router.provider_failure = "provider-authentication-failed"
        change = {"provider": {"model": "anthropic.claude-opus-4-1"}, "allowed_groups": ["research", "health"]}
        assert fabric.http("update_model", "PATCH", "/models/claude", body=change, caller=ADMIN)[0] == 202
        while fabric.model("claude")["status"] == "Updating":
            fabric.step()
        _without(fabric, "RoutingOnModelUpdated", lambda: fabric.quiet)
        assert _route(fabric, "claude")["allowed_groups"] == ["research", "health"]
        fabric.router.provider_failure = ""
        fabric.live(200)
        fabric.settle()
        route, row = _route(fabric, "claude"), fabric.model("claude")
        assert (route["allowed_groups"], route["generation"], route["state"]) == (["research"], row["generation"], "open")
        assert route["provider"]["model"] == row["spec"]["provider"]["model"] == "anthropic.claude-sonnet-4-5"


def test_the_last_word_of_an_updates_copies_may_come_behind_its_undoing_and_leaves_no_target_behind() -> None:
    """The new copy ends, the update is undone, and routing hears that the copy has gone after it hears of the undoing, as history then."""
    with Fabric(9) as fabric:
        fabric.http("create_model", "POST", "/models", body=fabric.wish("m1"))
        fabric.run()
        fabric.ecs.doom("g2", "weights-corrupt", 6)
        change: dict[str, Any] = {"engine": {"kind": "llama.cpp", "arguments": {"context_length": 4096}}}
        _, told, _ = fabric.http("update_model", "PATCH", "/models/m1", body=change)
        body = change | {"acknowledge": told["acknowledge"]}
        assert fabric.http("update_model", "PATCH", "/models/m1", body=body)[0] == 202
        delayed = 0
        while fabric.model("m1")["generation"] != 3 or _route(fabric)["generation"] != 3:
            gone = any(task.last == "STOPPED" for task in fabric.ecs.tasks.values())
            late = [one for one in fabric.pending if gone and "RoutingOnCapacityChanged" in one.what and "generation=2" in one.what]
            for thing in late:
                fabric.delay(thing, 60)
                delayed += 1
            fabric.step()
        assert delayed > 0
        fabric.settle()
        alive = [task.task_id for task in fabric.ecs.alive()]
        assert [target["target_id"] for target in _route(fabric)["targets"]] == alive


def test_the_last_word_of_a_former_copy_may_come_behind_another_change_and_leaves_no_target_behind() -> None:
    """A former copy ends while a further change is asked for: routing hears of the end as history, and is told again how it stands."""
    with Fabric(10) as fabric:
        fabric.http("create_model", "POST", "/models", body=fabric.wish("m1"))
        fabric.run()
        change: dict[str, Any] = {"engine": {"kind": "llama.cpp", "arguments": {"context_length": 4096}}}
        _, told, _ = fabric.http("update_model", "PATCH", "/models/m1", body=change)
        assert fabric.http("update_model", "PATCH", "/models/m1", body=change | {"acknowledge": told["acknowledge"]})[0] == 202
        while not any(task.last == "STOPPED" for task in fabric.ecs.tasks.values()):
            fabric.step()
        asked = 0
        while _route(fabric)["generation"] != 3:
            for thing in [one for one in fabric.pending if "RoutingOnCapacityChanged" in one.what and "generation=2" in one.what]:
                fabric.delay(thing, 60)
                asked = asked or fabric.http("update_model", "PATCH", "/models/m1", body={"description": "another"})[0]
            fabric.step()
        assert asked == 202
        fabric.settle()
        assert [target["target_id"] for target in _route(fabric)["targets"]] == [task.task_id for task in fabric.ecs.alive()]


@pytest.mark.parametrize("lost", ["execution", "events", "both"])
@pytest.mark.parametrize("state", ["AwaitRouteClosed", "StopEngines"])
def test_a_deletion_of_which_something_is_lost_ends_all_the_same(state: str, lost: str) -> None:
    """Its execution ends from outside, all that is on its way is gone, or both, as where a platform is killed: the sweep starts another
    execution after a minute of silence, and tells routing again after a further one."""
    with Fabric(3) as fabric:
        fabric.http("create_model", "POST", "/models", body=fabric.wish("m1"))
        fabric.run()
        operation = fabric.http("delete_model", "DELETE", "/models/m1")[1]["operation_id"]
        while not (found := [one for one in fabric.machines.executions.values() if one.name == operation and one.state == state]):
            fabric.step()
        if lost != "events":
            found[0].status, found[0].waiting = "FAILED", None
        if lost != "execution":
            for thing in [one for one in fabric.pending if one.kind in {"bus", "stream", "queue", "invocation"}]:
                fabric.drop(thing)
        fabric.live(_BOUND_SECONDS)
        assert fabric.http("read_operation", "GET", f"/operations/{operation}")[1]["status"] == "Succeeded"
        assert fabric.ecs.left() == []
        fabric.settle()
