"""What takes minutes because a clock says so, all at once and each on a model of its own: load, sleep, a window that closes."""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.hastened import often_swept
from tests.e2e.platform import Platform, Reply, Started, eventually, send
from tests.e2e.steady import SteadyClients

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ENOUGH = timedelta(seconds=90)
"""Before a window closes, at least half a minute to see that it is open."""


def the_load_brings_copies_and_takes_them_away(platform: Platform) -> None:
    """In flight above the target: more copies, each decision explained; when the load is gone, fewer again."""
    shape = {"min": 1, "max": 3, "desired": 1, "cooldown_seconds": 5, "instance_warmup_seconds": 1}
    capacity = shape | {"target": {"metric": "in_flight_per_task", "value": 2}}
    _serve(platform, "busy", capacity=capacity)
    with SteadyClients(platform, "busy", count=6) as clients:
        eventually(lambda: platform.call("GET", "/models/busy").json["capacity"]["running"] == 3, "three copies run", 240)
    decided = [entry["data"]["decision"] for entry in _timeline(platform, "busy") if entry["data"].get("decision")]
    assert decided
    assert all(decision["reason"] for decision in decided)
    eventually(lambda: platform.call("GET", "/models/busy").json["capacity"]["running"] == 1, "one copy again", 300)
    assert clients.lost == []
    _gone(platform, "busy")


def a_sleeping_model_wakes_for_the_first_request(platform: Platform) -> None:
    """Who does not wait gets 503 with Retry-After; who does is told of the progress and then answered; there is one wake."""
    _serve(platform, "sleepy")
    platform.settled(platform.change("sleepy", {"capacity": {"min": 0, "idle_minutes": 1}}))
    eventually(lambda: platform.call("GET", "/models/sleepy").json["status"] == "Stopped", "it sleeps", 300)
    eventually(lambda: platform.route_of("sleepy")["state"] == "asleep", "its route says so", 10)
    refused = platform.ask("sleepy")
    assert refused.status == 503
    assert float(refused.headers["retry-after"]) > 0
    held: list[Reply] = []
    clients = [threading.Thread(target=lambda: held.append(_patient(platform, "sleepy"))) for _ in range(5)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(120)
    assert [reply.status for reply in held] == [200] * 5
    assert all(": waking" in reply.text and reply.text.rstrip().endswith("data: [DONE]") for reply in held)
    kinds = [_kind(platform, entry) for entry in _timeline(platform, "sleepy") if entry["event_type"] == "ModelRequested"]
    assert kinds[-1] == "wake"
    assert kinds.count("wake") == 1
    _gone(platform, "sleepy")


def a_window_closes_and_the_model_stops(platform: Platform) -> None:
    """Stopped by the schedule at the minute that it names; a manual start holds until the next boundary; removed, it acts no more."""
    _serve(platform, "punctual")
    closes = (datetime.now(UTC) + ENOUGH).replace(second=0, microsecond=0)
    opens = closes - timedelta(hours=4)
    window = {"days": DAYS, "opens": f"{opens:%H:%M}", "closes": f"{closes:%H:%M}"}
    schedule = {"time_zone": "UTC", "windows": [window]}
    assert platform.settled(platform.call("PUT", "/models/punctual/schedule", schedule))["status"] == "Succeeded"
    state = platform.call("GET", "/models/punctual/schedule").json
    assert state["in_window"] is True
    assert state["next_action"]["action"] == "stop"
    assert datetime.fromisoformat(state["next_action"]["at"]) == closes
    assert platform.call("GET", "/models/punctual").json["next_action"] == state["next_action"]

    eventually(lambda: platform.call("GET", "/models/punctual").json["status"] == "Stopped", "the schedule stops it", 200)
    assert datetime.now(UTC) >= closes
    platform.assert_nothing_left("punctual")
    stopped = [entry for entry in _timeline(platform, "punctual") if entry["event_type"] == "ModelStopRequested"]
    assert [entry["actor"] for entry in stopped] == ["schedule"]
    assert platform.call("GET", "/models/punctual/schedule").json["next_action"]["action"] == "start"

    assert platform.settled(platform.call("POST", "/models/punctual/start"))["status"] == "Succeeded"
    assert platform.call("GET", "/models/punctual/schedule").json["overridden_until"] is not None
    assert platform.settled(platform.call("DELETE", "/models/punctual/schedule"))["status"] == "Succeeded"
    assert platform.call("GET", "/models/punctual").json["next_action"] is None
    _gone(platform, "punctual")


STORIES = (
    the_load_brings_copies_and_takes_them_away,
    a_sleeping_model_wakes_for_the_first_request,
    a_window_closes_and_the_model_stops,
)


@pytest.fixture(scope="module")
def told(started: Started) -> Iterator[Mapping[str, "Future[None]"]]:
    """All of them begun, each in a thread of its own. What the sweep does is their business, that it comes once a minute is not."""
    with often_swept(started.platform), ThreadPoolExecutor(len(STORIES)) as threads:
        yield {story.__name__: threads.submit(story, started.platform) for story in STORIES}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_time_does_its_work(told: Mapping[str, "Future[None]"], story: Callable[[Platform], None]) -> None:
    """As the story says: see above."""
    told[story.__name__].result()


def _serve(platform: Platform, model_id: str, **more: Any) -> None:
    """A model in service that answers in about half a second, word by word."""
    wish = platform.parrot(model_id, tokens_per_second=25) | more
    assert platform.settled(platform.call("POST", "/models", wish))["status"] == "Succeeded"
    platform.answers(model_id)


def _gone(platform: Platform, model_id: str) -> None:
    assert platform.settled(platform.call("DELETE", f"/models/{model_id}"))["status"] == "Succeeded"
    platform.assert_nothing_left(model_id)


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
