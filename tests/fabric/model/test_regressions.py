"""What the stateful model test has found, each as the shortest story that shows it, so that it never comes back."""

from typing import Any

from tests.fabric.platform import Fabric


def _delete(fabric: Fabric, key: str) -> tuple[int, Any]:
    status, told, _ = fabric.http("delete_model", "DELETE", "/models/m1", headers={"idempotency-key": key})
    return status, told


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
        while (fabric.route("m1") or {}).get("state") != "probing":
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
        assert (fabric.route("m1") or {})["state"] == "closed"
