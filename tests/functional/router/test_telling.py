"""What the running router tells of its requests: usage, to the queue."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.functional.router.conftest import PROVIDER_KEY, World
from tests.functional.router.platform import KEY_ARN, target, until
from tests.functional.router.stubs import USAGE_EVENT

THIRD_PARTIES = True
CHAT = "/v1/chat/completions"
HELLO: Any = [{"role": "user", "content": "prompt-canary"}]
ASK = {"model": "tiny", "messages": HELLO}


@pytest.fixture(autouse=True)
def _open_routes(world: World) -> None:
    """An engine's model, and a third party's."""
    world.engine.status, world.engine.refusal = 200, None
    world.engine.go()
    world.aws.secrets[KEY_ARN] = PROVIDER_KEY
    world.platform.route(targets=[target(world.engine.port)])
    world.platform.route("vectors", task="embedding", targets=[target(world.engine.port)])
    row = {"target_id": "provider", "version": "1.0.0", "kind": "provider", "status": "ready"}
    spec = {"name": "openai", "model": "gpt-x", "api_base": f"{world.provider.url}/v1", "secret": KEY_ARN}
    world.platform.route("foreign", hosting="provider", provider=spec, targets=[row])
    world.router.follows(world.aws)


def told(world: World, principal: str) -> dict[str, Any]:
    """The one row of sums that the queue has got of this caller, once it has it."""
    found: list[dict[str, Any]] = []

    def seen() -> bool:
        found[:] = [row for message in list(world.aws.messages) for row in message["rows"] if row["subject"] == principal]
        return bool(found)

    until(seen)
    (row,) = found
    return row


def caller(world: World, principal: str) -> str:
    """A token of that principal, known to the router."""
    token = world.platform.token(groups=("research", "sales"), principal=principal)
    world.router.follows(world.aws)
    return token


@pytest.mark.parametrize(
    ("name", "path", "document", "tokens"),
    [
        ("chat", CHAT, ASK, (1, 1)),
        ("text", "/v1/completions", {"model": "tiny", "prompt": "x"}, (1, 1)),
        ("vectors", "/v1/embeddings", {"model": "vectors", "input": "x"}, (1, 1)),
        ("stream", CHAT, ASK | {"stream": True}, (7, 2)),
        ("third-party", CHAT, ASK | {"model": "foreign"}, (1, 1)),
    ],
)
def test_what_an_answer_used_reaches_the_queue(world: World, name: str, path: str, document: Mapping[str, Any], tokens: Any) -> None:
    """Whose it was, through which group, of which model and version, with the answer's own counts."""
    token = caller(world, f"token:{name}")
    assert world.router.post(path, token, dict(document)).status_code == 200
    row = told(world, f"token:{name}")
    assert (row["token_id"], row["group"], row["model_id"], row["version"]) == (token.split("_")[1], "research", document["model"], "1.0.0")
    assert (row["input_tokens"], row["output_tokens"]) == tokens
    assert (row["requests"], row.get("failed", 0), row.get("estimated", 0)) == (1, 0, 0)
    assert row["priced_as"] == ("openai/gpt-x" if name == "third-party" else "")


@pytest.mark.parametrize("asks", [False, True])
def test_usage_of_a_stream_goes_on_to_those_who_ask(world: World, asks: bool) -> None:
    """The engine is always asked to tell it; its event reaches the callers who asked for it themselves, and no others."""
    options = {"stream_options": {"include_usage": True}} if asks else {}
    answer = world.router.post(CHAT, world.token, ASK | {"stream": True} | options)
    assert json.loads(world.engine.requests[-1][2])["stream_options"] == {"include_usage": True}
    assert (USAGE_EVENT in answer.content) == asks
    assert answer.content.endswith(b"data: [DONE]\n\n")


def test_who_leaves_is_told_with_an_estimate(world: World) -> None:
    """The request counts as broken off, with a token for each event that came."""
    token = caller(world, "token:leaver")
    world.engine.hold()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.stream("POST", world.router.url + CHAT, json=ASK | {"stream": True}, headers=headers, timeout=20, trust_env=False) as answer:
        next(answer.iter_raw())
    row = told(world, "token:leaver")
    assert (row["broken_off"], row["estimated"], row["output_tokens"]) == (1, 1, 1)


def test_a_refusal_by_the_engine_is_told_without_tokens(world: World) -> None:
    """It failed, and used nothing."""
    token = caller(world, "token:refused")
    world.engine.status, world.engine.refusal = 400, {"error": {"message": "no"}}
    assert world.router.post(CHAT, token, ASK).status_code == 400
    row = told(world, "token:refused")
    assert (row["requests"], row["failed"], row.get("input_tokens", 0)) == (1, 1, 0)


def test_metrics_have_no_values_that_callers_make_up(world: World) -> None:
    """By model and outcome, for models of the table alone: whoever asks for names that nobody knows adds nothing."""
    for number in range(3):
        assert world.router.post(CHAT, world.token, ASK | {"model": f"made-up-{number}"}).status_code == 404
    assert world.router.post(CHAT, world.token, ASK).status_code == 200
    text = world.router.http.get("/metrics").text
    assert "made-up" not in text
    assert 'slipway_router_request_duration_seconds_count{model="tiny",outcome="ok"}' in text
    assert 'slipway_router_first_byte_seconds_count{model="tiny"}' in text
    assert 'slipway_router_tokens_total{kind="output",model="tiny"}' in text


def test_a_trace_goes_on_to_the_engine_untouched_where_nobody_collects(world: World) -> None:
    """Without a collector the router joins nothing: the engine gets the caller's own headers."""
    place = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert world.router.post(CHAT, world.token, ASK, traceparent=place).status_code == 200
    assert world.engine.requests[-1][1]["traceparent"] == place
