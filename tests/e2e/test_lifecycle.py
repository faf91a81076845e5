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


def change(platform: Platform, model_id: str, changes: dict[str, Any]) -> Reply:
    """`PATCH` with the acknowledgement that the first answer asks for, if it does."""
    reply = platform.call("PATCH", f"/models/{model_id}", changes)
    if reply.status == 409 and reply.json["code"] == "restart-acknowledgement-required":
        reply = platform.call("PATCH", f"/models/{model_id}", changes | {"acknowledge": reply.json["acknowledge"]})
    return reply


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
        assert steady.settled(change(steady, "steady", HOT[name]))["status"] == "Succeeded"
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
        assert steady.settled(change(steady, "steady", {"capacity": {"max": 3, "desired": desired}}))["status"] == "Succeeded"
        clients.wait_for(8)
    assert clients.lost == []
    assert steady.call("GET", "/models/steady").json["capacity"]["running"] == desired


@pytest.mark.parametrize("name", RESTART)
def test_a_restart_by_surge_loses_no_answer(steady: Platform, name: str) -> None:
    """New containers answer before the old ones drain: acknowledged, and yet no interruption."""
    before = steady.services_of("steady")
    with SteadyClients(steady, "steady") as clients:
        clients.wait_for(3)
        assert steady.settled(change(steady, "steady", RESTART[name]))["status"] == "Succeeded"
        clients.wait_for(3)
    assert clients.lost == []
    assert len(steady.services_of("steady")) == 1
    assert steady.services_of("steady") != before


def test_an_update_that_fails_goes_back_without_a_lost_answer(steady: Platform) -> None:
    """New copies that cannot start leave the old ones serving, and wish and configuration are what they were."""
    before = steady.call("GET", "/models/steady").json
    with SteadyClients(steady, "steady") as clients:
        clients.wait_for(3)
        operation = steady.settled(change(steady, "steady", {"engine": {"arguments": {"fail_with": "out-of-memory-gpu"}}}))
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


def test_the_load_brings_copies_and_takes_them_away(steady: Platform) -> None:
    """In flight above the target: more copies, each decision explained; when the load is gone, fewer again."""
    shape = {"min": 1, "max": 3, "desired": 1, "cooldown_seconds": 5, "instance_warmup_seconds": 1}
    wish = {"capacity": shape | {"target": {"metric": "in_flight_per_task", "value": 2}}}
    steady.settled(change(steady, "steady", wish))
    with SteadyClients(steady, "steady", count=6) as clients:
        eventually(lambda: steady.call("GET", "/models/steady").json["capacity"]["running"] == 3, "three copies run")
    decided = [entry["data"]["decision"] for entry in _timeline(steady, "steady") if entry["data"].get("decision")]
    assert decided
    assert all(decision["reason"] for decision in decided)
    eventually(lambda: steady.call("GET", "/models/steady").json["capacity"]["running"] == 1, "one copy again", 240)
    assert clients.lost == []


def test_a_sleeping_model_wakes_for_the_first_request(steady: Platform) -> None:
    """Who does not wait gets 503 with Retry-After; who does is told of the progress and then answered; there is one wake."""
    steady.settled(change(steady, "steady", {"capacity": {"min": 0, "idle_minutes": 1}}))
    eventually(lambda: steady.call("GET", "/models/steady").json["status"] == "Stopped", "it sleeps", 300)
    eventually(lambda: steady.route_of("steady")["state"] == "asleep", "its route says so", 10)
    refused = steady.ask("steady")
    assert refused.status == 503
    assert float(refused.headers["retry-after"]) > 0
    held: list[Reply] = []
    clients = [threading.Thread(target=lambda: held.append(_patient(steady, "steady"))) for _ in range(5)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(120)
    assert [reply.status for reply in held] == [200] * 5
    assert all(": waking" in reply.text and reply.text.rstrip().endswith("data: [DONE]") for reply in held)
    woken = [entry for entry in _timeline(steady, "steady") if entry["event_type"] == "ModelRequested"]
    assert steady.call("GET", f"/operations/{woken[-1]['data']['operation_id']}").json["kind"] == "wake"
    assert len([entry for entry in woken if _kind(steady, entry) == "wake"]) == 1


def _in_flight(platform: Platform, model_id: str) -> bool:
    route = platform.route_of(model_id)
    targets = [target for target in route["targets"] if target["status"] == "ready"]
    return any(send("GET", f"http://{target['address']}:{target['port']}/status").json["in_flight"] for target in targets)


def _patient(platform: Platform, model_id: str) -> Reply:
    body = b'{"model": "%s", "messages": [{"role": "user", "content": "Wake up."}], "max_tokens": 4, "stream": true}' % model_id.encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {platform.values['OPENAI_API_KEY']}", "Prefer": "wait=100"}
    return send("POST", platform.values["OPENAI_BASE_URL"] + "/chat/completions", body, headers)


def _timeline(platform: Platform, model_id: str) -> list[Any]:
    found: list[Any] = []
    token = ""
    while True:
        page = platform.call("GET", f"/models/{model_id}/events?limit=200{token}").json
        found += page["items"]
        if not page["next_token"]:
            return found
        token = f"&next_token={page['next_token']}"


def _kind(platform: Platform, entry: Any) -> str:
    return str(platform.call("GET", f"/operations/{entry['data']['operation_id']}").json["kind"])
