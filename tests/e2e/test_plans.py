"""What a command would do is said before anybody does it: plans, dry runs and the instance types that hold a model."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.platform import Platform, Reply, Started

ON_A_GPU: dict[str, Any] = {"accelerator": {"gpus": 1}, "capacity": {"min": 1, "max": 4, "desired": 2}}


@pytest.fixture(scope="module")
def planned(started: Started) -> Iterator[Platform]:
    """A model in service."""
    platform = started.platform
    assert platform.settled(platform.call("POST", "/models", platform.parrot("planned")))["status"] == "Succeeded"
    yield platform
    platform.settled(platform.call("DELETE", "/models/planned"))


def plan(reply: Reply, command: str) -> Any:
    """A plan of that command: prices of a named day and region, and nothing begun."""
    assert reply.status == 200, reply.text
    assert reply.json["command"] == command
    assert (reply.json["cost"]["currency"], reply.json["cost"]["source"]) == ("USD", "snapshot")
    return reply.json


def generation(platform: Platform) -> int:
    """Rises with every wish that was taken."""
    return int(platform.call("GET", "/models/planned").json["generation"])


@pytest.mark.parametrize("path", ["/models?dry_run=true", "/models/plan"])
def test_a_new_model_is_planned_and_not_made(platform: Platform, path: str) -> None:
    """Copies, GPUs and the cost of an hour are told; no model of that id is there afterwards."""
    wish = platform.parrot("unborn") | ON_A_GPU
    found = plan(platform.call("POST", path, {"model": wish} if path.endswith("plan") else wish), "create")
    assert (found["copies"], found["gpus"]) == ({"before": 0, "after": 2}, {"before": 0, "after": 2})
    assert platform.call("GET", "/models/unborn").status == 404


@pytest.mark.parametrize("way", ["PATCH", "plan"])
def test_a_change_is_planned_and_not_carried_out(planned: Platform, way: str) -> None:
    """A change that restarts says so, with the acknowledgement that the command itself will ask for."""
    before, changes = generation(planned), {"container": {"shared_memory_mib": 128}}
    if way == "plan":
        reply = planned.call("POST", "/models/plan", {"model_id": "planned", "changes": changes})
    else:
        reply = planned.call("PATCH", "/models/planned?dry_run=true", changes)
    found = plan(reply, "update")
    assert found["change_class"] == "restart"
    assert found["acknowledge"]
    assert generation(planned) == before


def test_the_instance_types_that_hold_a_model_are_listed(planned: Platform) -> None:
    """Each with accelerators, and what is not known here (offer, quota) is not made up."""
    every = planned.call("GET", "/instances?limit=100").json
    some = planned.call("GET", "/instances?limit=100&fits_model=planned").json
    assert every["source"] == "snapshot"
    assert some["items"]
    assert {item["instance_type"] for item in some["items"]} <= {item["instance_type"] for item in every["items"]}
    assert every["quotas"] == []


def test_a_stopped_and_a_failed_model_are_planned_to_come_back(planned: Platform) -> None:
    """Stop, start, retry and delete tell what they would do, each in the state that admits it, and the model stays as it is."""
    plan(planned.call("POST", "/models/planned/stop?dry_run=true"), "stop")
    planned.settled(planned.call("POST", "/models/planned/stop"))
    found = plan(planned.call("POST", "/models/planned/start?dry_run=true"), "start")
    assert found["copies"] == {"before": 0, "after": 1}
    planned.call("PATCH", "/models/planned", {"engine": {"arguments": {"fail_with": "out-of-memory-gpu"}}})
    assert planned.settled(planned.call("POST", "/models/planned/start"))["status"] == "Failed"
    assert plan(planned.call("POST", "/models/planned/retry?dry_run=true"), "retry")["copies"]["after"] == 1
    plan(planned.call("DELETE", "/models/planned?dry_run=true"), "delete")
    assert planned.call("GET", "/models/planned").json["status"] == "Failed"


def test_who_depends_on_a_model_is_written_down_and_keeps_it(planned: Platform) -> None:
    """A user of a model is listed, stands in the way of its deletion, and is taken off the list again."""
    path = "/models/planned/users/repository/handbook"
    assert planned.call("PUT", path, {"name": "The handbook"}).status == 200
    assert [user["user_id"] for user in planned.call("GET", "/models/planned/users").json["items"]] == ["handbook"]
    assert planned.call("DELETE", "/models/planned").status == 409
    assert planned.call("DELETE", path).status == 200
    assert planned.call("GET", "/models/planned/users").json["items"] == []
