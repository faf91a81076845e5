"""The whole life of a model on the running platform: each class of change under a steady stream of clients, stop, start, scale, sleep."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from serving.domain.fields import merged
from tests.e2e.platform import Platform, Reply, Started, eventually, send
from tests.e2e.steady import SteadyClients

HOT: dict[str, dict[str, Any]] = {
    "description": {"description": "Under way"},
    "allowed groups": {"allowed_groups": ["research", "sales"]},
    "summarization capability": {"features": {"summarization": {"enabled": True, "description": "Long texts"}}},
    "streaming": {"features": {"streaming": True}, "tags": {"changed": "streaming"}},
    "tool calls": {"features": {"tool_calls": True}},
    "image input": {"features": {"image_input": True}},
    "summarization": {"features": {"summarization": {"enabled": False}}},
    "generation defaults": {"generation_defaults": {"max_tokens": 64, "temperature": 0.5, "top_p": 0.9}},
    "limits": {"limits": {"max_in_flight": 500}},
    "cooldown": {"capacity": {"cooldown_seconds": 30}},
    "instance warmup": {"capacity": {"instance_warmup_seconds": 30}},
    "min and max": {"capacity": {"min": 1, "max": 3}},
}
RESTART: dict[str, dict[str, Any]] = {
    "environment": {"container": {"environment": {"OMP_NUM_THREADS": "2"}}},
    "shared memory": {"container": {"shared_memory_mib": 128}},
    "health check": {
        "container": {"health_check": {"interval_seconds": 15, "timeout_seconds": 4, "start_period_seconds": 30, "retries": 4}}
    },
    "engine arguments": {"engine": {"arguments": {"first_token_ms": 20}}},
}


@pytest.fixture(scope="module")
def steady(started: Started) -> Iterator[Platform]:
    """A hosted model in service that answers in about half a second, word by word."""
    platform = started.platform
    wish = platform.parrot("steady", tokens_per_second=25)
    assert platform.settled(platform.call("POST", "/models", wish))["status"] == "Succeeded"
    platform.answers("steady")
    yield platform
    platform.settled(platform.call("DELETE", "/models/steady"))
    platform.assert_nothing_left("steady")


@pytest.mark.parametrize("name", HOT)
def test_a_hot_change_interrupts_nobody(steady: Platform, name: str) -> None:
    """It is carried out, it shows, and no client loses an answer."""
    with SteadyClients(steady, "steady") as clients:
        clients.wait_for(3)
        assert steady.settled(steady.change("steady", HOT[name]))["status"] == "Succeeded"
        clients.wait_for(3)
    assert clients.lost == []
    model = steady.call("GET", "/models/steady").json
    assert model["status"] == "InService"
    assert merged(model, HOT[name]) == model


@pytest.mark.parametrize("desired", [2, 1], ids=["one more", "one fewer"])
def test_copies_come_and_go_without_a_lost_answer(steady: Platform, desired: int) -> None:
    """Rolling: more copies answer before the update ends; a copy that goes drains first."""
    with SteadyClients(steady, "steady", count=4) as clients:
        clients.wait_for(4)
        assert steady.settled(steady.change("steady", {"capacity": {"max": 3, "desired": desired}}))["status"] == "Succeeded"
        clients.wait_for(8)
    assert clients.lost == []
    assert steady.call("GET", "/models/steady").json["capacity"]["running"] == desired


@pytest.mark.parametrize("name", RESTART)
def test_a_restart_by_surge_loses_no_answer(steady: Platform, name: str) -> None:
    """New containers answer before the old ones drain: acknowledged, and yet no interruption."""
    before = steady.services_of("steady")
    with SteadyClients(steady, "steady") as clients:
        clients.wait_for(3)
        assert steady.settled(steady.change("steady", RESTART[name]))["status"] == "Succeeded"
        clients.wait_for(3)
    assert clients.lost == []
    assert len(steady.services_of("steady")) == 1
    assert steady.services_of("steady") != before


def test_an_update_that_fails_goes_back_without_a_lost_answer(steady: Platform) -> None:
    """New copies that cannot start leave the old ones serving, and wish and configuration are what they were."""
    before = steady.call("GET", "/models/steady").json
    with SteadyClients(steady, "steady") as clients:
        clients.wait_for(3)
        operation = steady.settled(steady.change("steady", {"engine": {"arguments": {"fail_with": "out-of-memory-gpu"}}}))
        clients.wait_for(3)
    assert (operation["status"], operation["reason"]["code"]) == ("Failed", "out-of-memory-gpu")
    assert clients.lost == []
    after = steady.call("GET", "/models/steady").json
    assert (after["status"], after["engine"], after["container"]) == ("InService", before["engine"], before["container"])
    assert [c["reason"] for c in after["conditions"] if c["type"] == "UpToDate"] == ["RolledBack"]
    eventually(lambda: len(steady.services_of("steady")) == 1, "only the former service is left")


def test_stop_drains_and_start_brings_back(steady: Platform) -> None:
    """Streams that run come to their end, then nothing of it is left; a start ends when the engine has answered through the router."""
    answers: list[Reply] = []
    talk = threading.Thread(target=lambda: answers.append(steady.ask("steady", max_tokens=60, stream=True)))
    talk.start()
    eventually(lambda: _in_flight(steady, "steady"), "the engine has the request", 10)
    assert steady.settled(steady.call("POST", "/models/steady/stop"))["status"] == "Succeeded"
    talk.join(60)
    assert answers[0].status == 200
    assert answers[0].text.rstrip().endswith("data: [DONE]")
    model = steady.call("GET", "/models/steady").json
    assert (model["status"], model["capacity"]["running"]) == ("Stopped", 0)
    assert steady.ask("steady").status == 503
    steady.assert_nothing_left("steady")
    assert steady.call("POST", "/models/steady/stop").status == 409
    assert steady.settled(steady.call("POST", "/models/steady/start"))["status"] == "Succeeded"
    steady.answers("steady")


def test_a_change_made_while_stopped_is_what_starts(steady: Platform) -> None:
    """Stored at once; the next start runs it."""
    steady.settled(steady.call("POST", "/models/steady/stop"))
    reply = steady.call("PATCH", "/models/steady", {"container": {"shared_memory_mib": 192}})
    assert (reply.status, reply.json["status"]) == (202, "Succeeded")
    steady.settled(steady.call("POST", "/models/steady/start"))
    model = steady.call("GET", "/models/steady").json
    assert (model["status"], model["container"]["shared_memory_mib"]) == ("InService", 192)
    steady.answers("steady")


def test_a_start_can_be_cancelled(steady: Platform) -> None:
    """Stopped again, with nothing left of the try."""
    steady.settled(steady.call("POST", "/models/steady/stop"))
    steady.call("PATCH", "/models/steady", {"engine": {"arguments": {"load_seconds": 600}}})
    begun = steady.call("POST", "/models/steady/start")
    assert steady.call("POST", f"/operations/{begun.json['operation_id']}/cancel").status == 202
    assert steady.settled(begun)["status"] == "Cancelled"
    assert steady.call("GET", "/models/steady").json["status"] == "Stopped"
    steady.assert_nothing_left("steady")
    steady.call("PATCH", "/models/steady", {"engine": {"arguments": {"load_seconds": 0}}})
    steady.settled(steady.call("POST", "/models/steady/start"))
    steady.answers("steady")


def test_a_stop_can_be_cancelled(steady: Platform) -> None:
    """A start takes its place, and the model answers again."""
    begun = steady.call("POST", "/models/steady/stop")
    cancelled = steady.call("POST", f"/operations/{begun.json['operation_id']}/cancel")
    if cancelled.status == 409:
        pytest.skip("the stop had ended before it could be cancelled: on this machine it is that quick")
    assert steady.settled(begun)["status"] == "Cancelled"
    eventually(lambda: steady.call("GET", "/models/steady").json["status"] == "InService", "in service again")
    steady.answers("steady")
    eventually(lambda: len(steady.services_of("steady")) == 1, "only the new service is left")


def _in_flight(platform: Platform, model_id: str) -> bool:
    route = platform.route_of(model_id)
    targets = [target for target in route["targets"] if target["status"] == "ready"]
    return any(send("GET", f"http://{target['address']}:{target['port']}/status").json["in_flight"] for target in targets)
