"""Where requests go in the running router: versions, conversations, other models, and no longer than they may take."""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.functional.router.conftest import World
from tests.functional.router.platform import KEY_ARN, target
from tests.functional.router.stubs import StubEngine

THIRD_PARTIES = True
CHAT = "/v1/chat/completions"
ASK = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}]}
SHARES = [{"version": "1.0.0", "weight": 9_000}, {"version": "1.1.0", "weight": 1_000}]


@pytest.fixture(scope="module")
def second() -> Iterator[StubEngine]:
    """Another engine."""
    with StubEngine() as engine:
        yield engine


@pytest.fixture
def two(world: World, second: StubEngine) -> World:
    """A model of two versions on an engine each: nine tenths and one tenth."""
    for engine in (world.engine, second):
        engine.status, engine.refusal, engine.silent = 200, None, False
        engine.go()
        engine.requests.clear()
    targets = [target(world.engine.port, "old"), target(second.port, "new", version="1.1.0")]
    _offer(world, targets=targets, versions=SHARES, pin_groups=["testers"])
    return world


def _offer(world: World, **route: Any) -> None:
    world.platform.route(**route)
    world.router.follows(world.aws)


def _elsewhere(world: World, second: StubEngine, **changes: Any) -> None:
    """A model on the second engine, `tiny` on the first, which falls back on it."""
    _offer(world, model_id="other", **({"targets": [target(second.port)]} | changes))
    _offer(world, targets=[target(world.engine.port)], fallbacks=["other"])


def test_shares_are_exact_over_their_requests(two: World, second: StubEngine) -> None:
    """Of a hundred requests that nothing holds together, ninety go to the one and ten to the other, to within one."""
    went = Counter(two.router.post(CHAT, two.token, ASK).headers["x-slipway-version"] for _ in range(100))
    assert abs(went["1.1.0"] - 10) <= 1
    assert len(second.requests) == went["1.1.0"]


def test_a_session_stays_with_its_version(two: World) -> None:
    """Whoever it belongs to: by header or by the application's user."""
    for number in range(12):
        asks: Any = ({"X-Slipway-Session": f"s{number}"}, ASK), ({}, ASK | {"user": f"s{number}"})
        seen = {two.router.post(CHAT, two.token, ask, **headers).headers["x-slipway-version"] for headers, ask in asks for _ in range(3)}
        assert len(seen) == 1


@pytest.mark.parametrize(
    "way", [{"headers": {"X-Slipway-Version": "1.1.0"}}, {"body": {"canary": True}}, {"headers": {"X-Slipway-Canary": "true"}}]
)
def test_who_may_pins_a_version(two: World, second: StubEngine, way: dict[str, Any]) -> None:
    """Every request goes there, whatever its share; engines see nothing of our own field. Others are refused, as is what is not there."""
    tester = two.platform.token(("research", "testers"))
    two.router.follows(two.aws)
    ask, headers = ASK | way.get("body", {}), way.get("headers", {})
    versions = {two.router.post(CHAT, tester, ask, **headers).headers["x-slipway-version"] for _ in range(5)}
    assert versions == {"1.1.0"}
    assert {"canary" in json.loads(body) for _, _, body in second.requests} == {False}
    refused = two.router.post(CHAT, two.token, ask, **headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "version_pin_not_allowed")
    unserved = two.router.post(CHAT, tester, ASK, **{"X-Slipway-Version": "9.0.0"})
    assert (unserved.status_code, unserved.json()["error"]["code"]) == (404, "version_not_served")


def test_a_candidate_is_pinned_at_endpoints_that_know_their_fields(two: World, second: StubEngine) -> None:
    """In a form as in JSON, at its beginning, middle and end; the engine gets the form without it, and who may not is refused."""
    tester = two.platform.token(("research", "testers"))
    both = {"targets": [target(two.engine.port, "old"), target(second.port, "new", version="1.1.0")], "versions": SHARES}
    _offer(two, model_id="hears", task="transcription", pin_groups=["testers"], **both)
    _offer(two, model_id="ranks", task="rerank", pin_groups=["testers"], **both)
    wish = b'--b\r\nContent-Disposition: form-data; name="canary"\r\n\r\ntrue\r\n'
    parts = [
        b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nhears\r\n',
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF name="canary"\r\n',
    ]
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    for place in range(3):
        asked = b"".join([*parts[:place], wish, *parts[place:]]) + b"--b--\r\n"
        answer = two.router.post("/v1/audio/transcriptions", tester, asked, **form)
        assert (answer.status_code, answer.headers.get("x-slipway-version")) == (200, "1.1.0")
        assert second.requests[-1][2] == b"".join(parts) + b"--b--\r\n"
        assert two.router.post("/v1/audio/transcriptions", two.token, asked, **form).json()["error"]["code"] == "version_pin_not_allowed"
    rank = {"model": "ranks", "query": "a", "documents": ["b"], "canary": True}
    answer = two.router.post("/v1/rerank", tester, rank)
    assert (answer.status_code, answer.headers.get("x-slipway-version")) == (200, "1.1.0")
    assert "canary" not in json.loads(second.requests[-1][2])
    wrong = b"".join(parts) + wish.replace(b"true", b"perhaps") + b"--b--\r\n"
    assert two.router.post("/v1/audio/transcriptions", tester, wrong, **form).json()["error"]["code"] == "invalid_canary"


def test_a_share_that_moves_drops_no_stream(two: World, second: StubEngine) -> None:
    """All traffic moves to the new version while a stream of the old one is open: it goes on, and the next request is the new one's."""
    two.engine.hold()
    _offer(two, targets=[target(two.engine.port, "old"), target(second.port, "new", version="1.1.0")])
    stream = two.router.client(two.token).chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": "x"}], stream=True, extra_headers={"X-Slipway-Session": _of(two, "1.0.0")}
    )
    parts = [next(stream).choices[0].delta.content]
    moved = [{"version": "1.0.0", "weight": 0}, {"version": "1.1.0", "weight": 10_000}]
    _offer(two, targets=[target(two.engine.port, "old"), target(second.port, "new", version="1.1.0")], versions=moved)
    assert two.router.post(CHAT, two.token, ASK).headers["x-slipway-version"] == "1.1.0"
    two.engine.go()
    assert parts + [chunk.choices[0].delta.content for chunk in stream] == ["Hel", "lo"]


def _of(world: World, version: str) -> str:
    """A session that belongs to that version."""
    return next(
        name
        for name in (f"session-{number}" for number in range(1000))
        if world.router.post(CHAT, world.token, ASK, **{"X-Slipway-Session": name}).headers["x-slipway-version"] == version
    )


def test_conversations_keep_their_engine_and_the_gain_is_told(two: World, second: StubEngine) -> None:
    """Each turn of one goes to the same target of the two; requests at home are counted with their tokens on /metrics."""
    _offer(two, targets=[target(two.engine.port, "a"), target(second.port, "b")])
    for number in range(6):
        two.engine.requests.clear()
        second.requests.clear()
        for turn in range(3):
            said = [{"role": "user", "content": f"question {number}"}, *[{"role": "assistant", "content": "so"}] * turn]
            two.router.post(CHAT, two.token, {"model": "tiny", "messages": said, "prompt_cache_key": f"talk {number}"})
        assert sorted((len(two.engine.requests), len(second.requests))) == [0, 3]
    shown = re.search(r'conversation_requests_total\{model="tiny",way="home"\} (\S+)', two.router.http.get("/metrics").text)
    assert shown is not None
    assert float(shown[1]) >= 18


def test_another_model_answers_for_one_that_cannot(two: World, second: StubEngine) -> None:
    """Under its own name, which the answer tells; the fallback is counted."""
    _elsewhere(two, second)
    before = _fallbacks(two)
    two.engine.status = 500
    answer = two.router.post(CHAT, two.token, ASK)
    assert (answer.status_code, answer.headers["x-slipway-model"]) == (200, "other")
    assert json.loads(second.requests[-1][2])["model"] == "other"
    assert _fallbacks(two) == before + 1


def _fallbacks(world: World) -> float:
    shown = re.search(r'fallbacks_total\{answered_by="other",model="tiny"\} (\S+)', world.router.http.get("/metrics").text)
    return float(shown[1]) if shown else 0.0


def test_a_third_party_answers_for_a_model_of_ours(two: World) -> None:
    """Over to a provider: also for a stream, before whose first byte nothing was said."""
    provider = {"name": "openai", "model": "gpt-x", "api_base": f"{two.provider.url}/v1", "secret": KEY_ARN}
    third = [{"target_id": "provider", "version": "1.0.0", "kind": "provider", "status": "ready"}]
    _offer(two, model_id="outside", hosting="provider", targets=third, provider=provider)
    _offer(two, targets=[target(two.engine.port)], fallbacks=["outside"])
    two.engine.status = 503
    answer = two.router.post(CHAT, two.token, ASK)
    assert (answer.status_code, answer.headers["x-slipway-model"]) == (200, "outside")
    chunks = two.router.client(two.token).chat.completions.create(model="tiny", messages=[{"role": "user", "content": "x"}], stream=True)
    assert [chunk.choices[0].delta.content for chunk in chunks][:2] == ["Hel", "lo"]


def test_nobody_falls_back_on_what_is_not_theirs(two: World, second: StubEngine) -> None:
    """The caller hears of the failure of the model that was asked for, and nothing of the other."""
    _elsewhere(two, second, allowed_groups=["sales"])
    two.engine.status = 500
    answer = two.router.post(CHAT, two.token, ASK)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "engine_failed")
    assert second.requests == []


@pytest.mark.parametrize("status", [400, 422])
def test_what_the_caller_did_wrong_is_no_reason(two: World, second: StubEngine, status: int) -> None:
    """A refused request is refused; the next model would do the same, or worse."""
    _elsewhere(two, second)
    two.engine.status, two.engine.refusal = status, {"error": {"message": "no such thing", "code": "bad"}}
    assert two.router.post(CHAT, two.token, ASK).status_code == status
    assert second.requests == []


def test_after_the_first_byte_nobody_takes_over(two: World, second: StubEngine) -> None:
    """A stream that breaks ends with an error; its beginning is not repeated by another."""
    _elsewhere(two, second)
    two.engine.hold()
    stream = two.router.client(two.token).chat.completions.create(model="tiny", messages=[{"role": "user", "content": "x"}], stream=True)
    next(stream)
    two.engine.break_off()
    with pytest.raises(openai.APIError):
        list(stream)
    assert second.requests == []
    two.engine.go()


def test_a_deadline_ends_a_request(two: World, second: StubEngine) -> None:
    """504 with a code, by any of three ways; the engine hears how long there is, and no other model is asked."""
    _elsewhere(two, second)
    two.engine.silent = True
    for headers in ({"X-Slipway-Timeout": "0.3"}, {"X-Slipway-Deadline": str(time.time() + 0.3)}):
        late = two.router.post(CHAT, two.token, ASK, **headers)
        assert (late.status_code, late.json()["error"]["code"]) == (504, "deadline_exceeded")
        assert 0 < float(two.engine.requests[-1][1]["x-slipway-timeout"]) <= 0.3
    _offer(two, targets=[target(two.engine.port)], limits={"max_in_flight": None, "request_seconds": 0.2})
    assert two.router.post(CHAT, two.token, ASK).status_code == 504
    assert second.requests == []


@pytest.mark.parametrize(
    ("header", "said", "status", "code"),
    [
        ("X-Slipway-Timeout", "soon", 400, "invalid_timeout"),
        ("X-Slipway-Timeout", "-1", 400, "invalid_timeout"),
        ("X-Slipway-Timeout", "nan", 400, "invalid_timeout"),
        ("X-Slipway-Timeout", "1e9", 400, "invalid_timeout"),
        ("X-Slipway-Deadline", "tomorrow", 400, "invalid_timeout"),
        ("X-Slipway-Deadline", "99999999999", 400, "invalid_timeout"),
        ("X-Slipway-Deadline", "1000000000", 504, "deadline_exceeded"),
    ],
)
def test_a_time_that_makes_no_sense_is_refused(two: World, header: str, said: str, status: int, code: str) -> None:
    """One that is over is over; nothing reaches the engine."""
    answer = two.router.post(CHAT, two.token, ASK, **{header: said})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert two.engine.requests == []
