"""Models that sleep, as applications see them: woken by a request, waited for by those who ask to."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import openai
import pytest

from tests.functional.router.conftest import World
from tests.functional.router.platform import target, until
from tests.functional.router.stubs import StubEngine

HELLO: Any = [{"role": "user", "content": "Hello"}]
CHAT = "/v1/chat/completions"


def _sleeps(world: World, model: str, **changes: Any) -> None:
    world.platform.route(model, state="asleep", targets=[], generation=3, **({"expected_start_seconds": 42.0} | changes))
    world.router.follows(world.aws)


def _opens(world: World, model: str, engine: StubEngine | None = None) -> None:
    world.platform.route(model, generation=4, targets=[target((engine or world.engine).port)])


def _wakes(world: World, model: str) -> list[dict[str, Any]]:
    return [
        event
        for event in list(world.aws.events)
        if event["DetailType"] == "ModelWakeRequested" and event["detail"]["data"]["model_id"] == model
    ]


@contextmanager
def _streaming(world: World, model: str, wait: int = 60, token: str | None = None) -> Iterator[Iterator[str]]:
    """The lines of a streamed answer, blank ones left out."""
    headers = {"Authorization": f"Bearer {token or world.token}", "Prefer": f"wait={wait}"}
    asked = {"model": model, "messages": HELLO, "stream": True}
    with (
        httpx.Client(trust_env=False, timeout=20) as client,
        client.stream("POST", world.router.url + CHAT, json=asked, headers=headers) as answered,
    ):
        assert answered.headers["content-type"].startswith("text/event-stream")
        yield (line for line in answered.iter_lines() if line)


@contextmanager
def _held(world: World, model: str, wait: int = 60) -> Iterator["Future[httpx.Response]"]:
    """A plain request that is held."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(world.router.post, CHAT, world.token, {"model": model, "messages": HELLO}, **{"X-Slipway-Wait": str(wait)})
        until(lambda: world.router.metric("held", model) == 1)
        yield future


def test_a_request_wakes_a_sleeping_model_once(world: World) -> None:
    """Whoever does not wait gets 503 with the time that this model's starts take; the bus one event, however many ask."""
    _sleeps(world, "dozing")
    answers = [world.router.post(CHAT, world.token, {"model": "dozing", "messages": HELLO}) for _ in range(5)]
    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in answers} == {(503, "model_asleep")}
    assert all(30 < int(answer.headers["retry-after"]) <= 42 for answer in answers)
    event = world.aws.wait_for_event(lambda event: event["DetailType"] == "ModelWakeRequested")
    assert (event["Source"], event["detail"]["data"]["generation"]) == ("slipway.routing", 3)
    listed = {model.id: model.model_extra for model in world.router.client(world.token).models.list()}
    extra = listed["dozing"]
    assert extra is not None
    assert extra["slipway"]["state"] == "asleep"
    assert world.router.http.get("/v1/models/dozing", headers={"Authorization": f"Bearer {world.token}"}).status_code == 200
    assert len(_wakes(world, "dozing")) == 1


@pytest.mark.parametrize("document", [{"messages": HELLO}, {"messages": HELLO, "api_base": "http://x"}, {"prompt": "x", "tools": [{}]}])
def test_what_would_be_refused_anyway_wakes_nobody(world: World, document: dict[str, Any]) -> None:
    """A stranger, and a request that the model would not take, cost nothing."""
    _sleeps(world, "guarded", allowed_groups=["other"])
    assert world.router.post(CHAT, world.token, {"model": "guarded", **document}).status_code == 404
    _sleeps(world, "guarded", features={"streaming": False})
    refused = world.router.post(CHAT, world.token, {"model": "guarded", "stream": True, **document})
    assert refused.status_code == 400
    assert world.router.metric("wakes_total", "guarded") == 0


def test_a_stream_that_waits_hears_of_progress_and_then_gets_its_answer(world: World) -> None:
    """Scheduling, instance, weights, warming as comments; then the engine's own events, in one answer."""
    with StubEngine("yawning") as engine:
        _sleeps(world, "yawning")
        with _streaming(world, "yawning") as lines:
            assert next(lines) == ": waking scheduling"
            with StubEngine() as gone:
                nowhere = gone.port
            world.platform.route("yawning", state="probing", generation=4, targets=[target(nowhere, "nowhere", status="probing")])
            assert next(lines) == ": waking instance"
            engine.phase, engine.progress = "fetching", 0.42
            world.platform.route("yawning", state="probing", generation=4, targets=[target(engine.port, status="probing")])
            assert ": waking weights 42%" in iter(lambda: next(lines), "data: [DONE]")
            engine.phase, engine.progress = "warming", None
            assert next(lines) == ": waking warming"
            _opens(world, "yawning", engine)
            data = [line for line in lines if not line.startswith(":")]
        assert data[-1] == "data: [DONE]"
        assert len(data) == 3
    assert len(_wakes(world, "yawning")) == 1


def test_the_official_client_waits_without_noticing(world: World) -> None:
    """Comments are passed over; the stream and the plain answer come as ever."""
    _sleeps(world, "patient")
    client = world.router.client(world.token)
    with ThreadPoolExecutor(2) as pool:
        headers = {"Prefer": "wait=60"}
        plain = pool.submit(lambda: client.chat.completions.create(model="patient", messages=HELLO, extra_headers=headers))
        parts = pool.submit(
            lambda: [
                chunk.choices[0].delta.content
                for chunk in client.chat.completions.create(model="patient", messages=HELLO, stream=True, extra_headers=headers)
            ]
        )
        until(lambda: world.router.metric("held", "patient") == 2)
        _opens(world, "patient")
        assert plain.result(20).choices[0].message.content == "Hello"
        assert parts.result(20) == ["Hel", "lo"]
    assert len(_wakes(world, "patient")) == 1


def test_an_engines_refusal_reaches_a_stream_that_has_begun(world: World) -> None:
    """After comments no status can be sent: the refusal comes as the stream's last event, which the official client raises."""
    with StubEngine("picky") as engine:
        engine.status, engine.refusal = 400, {"error": {"message": "no such thing", "type": "BadRequestError"}}
        _sleeps(world, "picky")
        with _streaming(world, "picky") as lines:
            next(lines)
            _opens(world, "picky", engine)
            data = [line for line in lines if not line.startswith(":")]
        assert len(data) == 1
        assert "no such thing" in data[0]


def test_a_caller_that_leaves_while_it_is_held_leaves_nothing(world: World) -> None:
    """Its place is free again, its load is gone, and no engine is asked on its behalf when the model opens."""
    with StubEngine("forgetful") as engine:
        _sleeps(world, "forgetful")
        with _streaming(world, "forgetful") as lines:
            assert next(lines) == ": waking scheduling"
            assert world.router.metric("held", "forgetful") == 1
        headers = {"Authorization": f"Bearer {world.token}", "Prefer": "wait=60"}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                world.router.url + CHAT, json={"model": "forgetful", "messages": HELLO}, headers=headers, timeout=0.3, trust_env=False
            )
        until(lambda: world.router.metric("held", "forgetful") == 0 and world.router.metric("in_flight", "forgetful") == 0)
        world.aws.wait_for_event(_load_of("forgetful", lambda data: data["in_flight"] == 0))
        _opens(world, "forgetful", engine)
        world.router.follows(world.aws)
        assert world.router.post(CHAT, world.token, {"model": "forgetful", "messages": HELLO}).status_code == 200
        assert len(engine.requests) == 1


def test_a_wake_that_fails_is_told_to_those_who_wait(world: World) -> None:
    """A plain request gets 503, a stream its last event, both with the code of a closed model."""
    _sleeps(world, "broken")
    with _held(world, "broken") as plain, _streaming(world, "broken") as lines:
        next(lines)
        world.platform.route("broken", state="closed", generation=4, targets=[])
        answer = plain.result(20)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_closed")
        assert int(answer.headers["retry-after"]) > 0
        assert "model_closed" in list(lines)[-1]


def test_a_revoked_token_is_held_no_longer(world: World) -> None:
    """The stream of a token that is worth nothing any more ends at once."""
    _sleeps(world, "locked")
    doomed = world.platform.token()
    world.router.follows(world.aws)
    with _streaming(world, "locked", token=doomed) as lines:
        next(lines)
        world.platform.revoke(doomed)
        assert "revoked" in list(lines)[-1]
    until(lambda: world.router.metric("held", "locked") == 0)


def test_a_wait_ends_when_the_caller_said(world: World) -> None:
    """The answer is 503 with when to come back; a wait that is no number is refused."""
    _sleeps(world, "slow")
    over = world.router.post(CHAT, world.token, {"model": "slow", "messages": HELLO}, Prefer="wait=1")
    assert (over.status_code, over.json()["error"]["code"]) == (503, "model_not_ready")
    assert 30 < int(over.headers["retry-after"]) <= 42
    wrong = world.router.post(CHAT, world.token, {"model": "slow", "messages": HELLO}, **{"X-Slipway-Wait": "soon"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "invalid_wait")


def test_a_request_that_meets_the_end_of_a_service_waits_for_the_next(world: World) -> None:
    """The engine says that it drains before the router knows that the model sleeps: no answer is lost."""
    with StubEngine("drowsy") as old:
        old.status = 503
        world.platform.route("drowsy", targets=[target(old.port)])
        world.router.follows(world.aws)
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(world.router.post, CHAT, world.token, {"model": "drowsy", "messages": HELLO}, **{"X-Slipway-Wait": "60"})
            until(lambda: bool(old.requests))
            world.platform.route("drowsy", state="asleep", targets=[], generation=3)
            until(lambda: world.router.metric("held", "drowsy") == 1)
            _opens(world, "drowsy")
            assert future.result(20).status_code == 200


def test_load_is_told_while_there_is_traffic(world: World) -> None:
    """Held requests count as queued, a stream's tokens and its first one are measured, and the end is told once."""
    _sleeps(world, "busy")
    with _held(world, "busy") as plain:
        world.aws.wait_for_event(_load_of("busy", lambda data: (data["in_flight"], data["queued"], data["ready_targets"]) == (1, 1, 0)))
        _opens(world, "busy")
        assert plain.result(20).status_code == 200
    world.engine.hold()
    try:
        stream = world.router.client(world.token).chat.completions.create(model="busy", messages=HELLO, stream=True)
        next(stream)
        world.aws.wait_for_event(_load_of("busy", lambda data: (data["in_flight"], data["queued"], data["ready_targets"]) == (1, 0, 1)))
    finally:
        world.engine.go()
    list(stream)
    measured = world.aws.wait_for_event(_load_of("busy", lambda data: data["time_to_first_token_ms"] is not None))
    assert measured["detail"]["data"]["tokens_per_second"] > 0
    assert (measured["Source"], measured["detail"]["metadata"]["actor"]) == ("slipway.routing", "router/router-0")
    world.aws.wait_for_event(_load_of("busy", lambda data: (data["in_flight"], data["requests"]) == (0, 0)))


def _load_of(model: str, matches: Any) -> Any:
    def wanted(event: dict[str, Any]) -> bool:
        data = event["detail"]["data"]
        return event["DetailType"] == "LoadObserved" and data["model_id"] == model and bool(matches(data))

    return wanted


def test_a_model_takes_as_many_requests_as_its_limit_says(world: World) -> None:
    """One too many gets 429 with when to come back, and is let in once there is room; a raised limit counts at once."""
    world.engine.hold()
    world.platform.route("narrow", targets=[target(world.engine.port)], limits={"max_in_flight": 1})
    world.router.follows(world.aws)
    client = world.router.client(world.token)
    stream = client.chat.completions.create(model="narrow", messages=HELLO, stream=True)
    next(stream)
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model="narrow", messages=HELLO)
    assert (refused.value.code, refused.value.response.headers["retry-after"]) == ("rate_limit_exceeded", "1")
    world.platform.route("narrow", targets=[target(world.engine.port)], limits={"max_in_flight": 2})
    world.router.follows(world.aws)
    assert client.chat.completions.create(model="narrow", messages=HELLO).choices
    world.platform.route("narrow", targets=[target(world.engine.port)], limits={"max_in_flight": 1})
    world.router.follows(world.aws)
    world.engine.go()
    list(stream)
    until(lambda: world.router.metric("in_flight", "narrow") == 0)
    assert client.chat.completions.create(model="narrow", messages=HELLO).choices


def test_many_draining_engines_cost_no_request(world: World) -> None:
    """However many targets are unavailable, a request gets to the one that is not."""
    with StubEngine() as gone:
        closed = gone.port
    with StubEngine() as draining:
        draining.status = 503
        rows = [target(draining.port, f"draining-{number}") for number in range(4)]
        rows += [target(closed, "closed"), target(world.engine.port, "alive")]
        world.platform.route("crowded", targets=rows)
        world.router.follows(world.aws)
        assert {world.router.post(CHAT, world.token, {"model": "crowded", "messages": HELLO}).status_code for _ in range(10)} == {200}
        world.platform.route("crowded", targets=[target(draining.port, "old", status="draining"), target(world.engine.port, "alive")])
        world.router.follows(world.aws)
        draining.requests.clear()
        assert {world.router.post(CHAT, world.token, {"model": "crowded", "messages": HELLO}).status_code for _ in range(10)} == {200}
        assert draining.requests == []
