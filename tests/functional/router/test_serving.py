"""The running router, as an application sees it."""

import json
import time
from typing import Any

import httpx
import jwt
import openai
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.functional.router.conftest import World
from tests.functional.router.platform import AUDIENCE, ISSUER, target, until
from tests.functional.router.stubs import ENGINE_KEY, StubEngine, answer

HELLO: Any = [{"role": "user", "content": "prompt-canary"}]
CHAT = "/v1/chat/completions"
ASK = {"model": "tiny", "messages": HELLO}


@pytest.fixture(autouse=True)
def _open_route(world: World) -> None:
    """Each test begins with one open model on a healthy engine."""
    world.engine.status, world.engine.refusal = 200, None
    world.engine.go()
    world.platform.route(targets=[target(world.engine.port)])
    world.router.follows(world.aws)
    world.engine.requests.clear()


def test_the_official_client_gets_an_answer(world: World) -> None:
    """A chat completion comes back, and the engine saw its own key and the request id, never the caller's token."""
    completion = world.router.client(world.token).chat.completions.create(
        model="tiny", messages=HELLO, extra_headers={"X-Request-Id": "r-1"}
    )
    assert completion.choices[0].message.content == "Hello"
    _, headers, _ = world.engine.requests[-1]
    assert headers["authorization"] == f"Bearer {ENGINE_KEY}"
    assert headers["x-request-id"] == "r-1"
    assert world.token not in str(headers)


def test_the_official_client_streams(world: World) -> None:
    """The stream's parts arrive in order, the first while the engine still works on the rest."""
    world.engine.hold()
    stream = world.router.client(world.token).chat.completions.create(model="tiny", messages=HELLO, stream=True)
    first = next(stream)
    world.engine.go()
    assert [chunk.choices[0].delta.content for chunk in (first, *stream)] == ["Hel", "lo"]


def test_bytes_go_through_untouched(world: World) -> None:
    """What the engine gets and what the caller gets are the very bytes that the other side sent."""
    body = b'{"prompt":  "x\\u00e9",\n "model":"tiny"  }'
    response = world.router.post("/v1/completions", world.token, body, traceparent="00-1-2-01")
    assert response.content == answer("/v1/completions", {"prompt": "x"})
    path, headers, received = world.engine.requests[-1]
    assert (path, received, headers["traceparent"]) == ("/v1/completions", body, "00-1-2-01")


def test_generation_defaults_fill_in_what_the_request_leaves_open(world: World) -> None:
    """Defaults are merged where the request is silent and nowhere else."""
    world.platform.route(targets=[target(world.engine.port)], generation_defaults={"max_tokens": 7, "temperature": 0.1})
    world.router.follows(world.aws)
    world.router.post(CHAT, world.token, {**ASK, "temperature": 0.9})
    received = json.loads(world.engine.requests[-1][2])
    assert (received["max_tokens"], received["temperature"]) == (7, 0.9)


def test_a_model_answers_to_its_aliases(world: World) -> None:
    """The engine is asked for its own model; log and figures know that one name; the list has both."""
    world.platform.route(targets=[target(world.engine.port)], aliases=["Acme/gpt-4.1"])
    world.router.follows(world.aws)
    client = world.router.client(world.token)
    assert client.chat.completions.create(model="Acme/gpt-4.1", messages=HELLO).choices[0].message.content == "Hello"
    assert json.loads(world.engine.requests[-1][2]) == {"model": "tiny", "messages": HELLO}
    assert {"tiny", "Acme/gpt-4.1"} <= {model.id for model in client.models.list()}
    assert client.models.retrieve("Acme/gpt-4.1").id == "Acme/gpt-4.1"
    until(lambda: any(line.get("message") == "request" and line.get("model") == "tiny" for line in world.router.lines))
    assert not [line for line in world.router.lines if line.get("model") == "Acme/gpt-4.1"]


def test_embeddings(world: World) -> None:
    """An embedding model answers at /v1/embeddings, and a chat there is refused with what the model does."""
    world.platform.route("vectors", task="embedding", targets=[target(world.engine.port)])
    world.router.follows(world.aws)
    client = world.router.client(world.token)
    assert client.embeddings.create(model="vectors", input="x", encoding_format="float").data[0].embedding == [0.5, 0.25]
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="vectors", messages=HELLO)
    assert refused.value.code == "task_not_supported"
    assert "/v1/embeddings" in str(refused.value)


def test_a_model_of_another_group_does_not_exist(world: World) -> None:
    """A forbidden model and an unknown one get the same answer, in lists too; the admin sees it."""
    world.platform.route("secret", allowed_groups=["other"], targets=[target(world.engine.port)])
    admin = world.platform.token(groups=(), scopes=("admin",))
    world.router.follows(world.aws)
    answers = [world.router.post(CHAT, world.token, {**ASK, "model": model}) for model in ("secret", "nowhere")]
    assert [each.status_code for each in answers] == [404, 404]
    assert answers[0].text.replace("secret", "X") == answers[1].text.replace("nowhere", "X")
    assert answers[0].json()["error"]["code"] == "model_not_found"
    client = world.router.client(world.token)
    assert "secret" not in [model.id for model in client.models.list()]
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("secret")
    assert "secret" in [model.id for model in world.router.client(admin).models.list()]
    assert client.models.retrieve("tiny").owned_by == "slipway"


def test_a_token_for_some_models_reaches_no_others(world: World) -> None:
    """`models` of a token restricts it whatever its groups allow."""
    narrow = world.platform.token(models=["other"])
    world.router.follows(world.aws)
    assert world.router.post(CHAT, narrow, ASK).status_code == 404


@pytest.mark.parametrize("kind", ["none", "unknown", "forged", "expired", "garbage", "alg-none"])
def test_bad_credentials_get_one_answer(world: World, kind: str) -> None:
    """Whatever is wrong with a credential, the answer is 401 and says no more."""
    expired = world.platform.token(expires_at="2026-01-01T00:00:00.000Z")
    world.router.follows(world.aws)
    unsigned = jwt.encode({"sub": "x", "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 60}, "", algorithm="none", headers={"kid": "k"})
    from contracts.tokens import mint

    known = world.token.split("_")
    credential = {
        "none": None,
        "unknown": mint("a" * 16, "b" * 43),
        "forged": mint(known[1], "b" * 43),
        "expired": expired,
        "garbage": "slp_x",
        "alg-none": unsigned,
    }[kind]
    headers = {"Authorization": f"Bearer {credential}"} if credential else {}
    response = world.router.http.post(CHAT, json=ASK, headers=headers)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_api_key"
    assert response.headers["www-authenticate"] == "Bearer"


def test_a_person_with_a_group_may_ask(world: World) -> None:
    """An OIDC token of the issuer is accepted with the groups in its claim; one for another audience is not."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    world.aws.keys[:] = [{**jwk, "kid": "k1", "use": "sig", "alg": "RS256"}]
    claims = {"sub": "ada", "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 60, "cognito:groups": ["research"]}
    good, foreign = (
        jwt.encode({**claims, "aud": audience}, key, algorithm="RS256", headers={"kid": "k1"}) for audience in (AUDIENCE, "else")
    )
    assert world.router.post(CHAT, good, ASK).status_code == 200
    assert world.router.post(CHAT, foreign, ASK).status_code == 401


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({**ASK, "api_base": "http://169.254.169.254"}, "field_not_allowed"),
        ({**ASK, "aws_access_key_id": "x"}, "field_not_allowed"),
        ({**ASK, "tools": [{"type": "function"}]}, "tools_not_supported"),
        ({"messages": HELLO}, "model_missing"),
        (b'{"model": "tiny", "messages": ' + b"[" * 100_000, "invalid_json"),
        (b'{"model": "tiny", "x": ' + b"[" * 200 + b"]" * 200 + b"}", "too_deep"),
        (b"[]", "invalid_json"),
        (
            {"model": "tiny", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "images_not_supported",
        ),
    ],
)
def test_what_a_request_may_not_ask(world: World, document: dict[str, object] | bytes, code: str) -> None:
    """Bad requests get 400 with a stable code, and the engine never hears of them."""
    response = world.router.post(CHAT, world.token, document)
    assert (response.status_code, response.json()["error"]["code"]) == (400, code)
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert world.engine.requests == []


def test_a_body_over_the_limit_is_refused(world: World) -> None:
    """More than ten megabytes get 413."""
    response = world.router.post(CHAT, world.token, b'{"model": "tiny", "x": "' + b"x" * 10_000_001 + b'"}')
    assert (response.status_code, response.json()["error"]["code"]) == (413, "body_too_large")


def test_a_closed_or_starting_model_says_when_to_come_back(world: World) -> None:
    """503 with Retry-After while no target is ready."""
    for state, code in (("probing", "model_not_ready"), ("closed", "model_closed")):
        world.platform.route(state=state, targets=[])
        world.router.follows(world.aws)
        response = world.router.post(CHAT, world.token, ASK)
        assert (response.status_code, response.json()["error"]["code"]) == (503, code)
        assert int(response.headers["retry-after"]) > 0


def test_a_changed_table_drops_no_stream(world: World) -> None:
    """A stream goes on over a change of its route and even its removal; the next request sees the new table."""
    world.engine.hold()
    stream = world.router.client(world.token).chat.completions.create(model="tiny", messages=HELLO, stream=True)
    parts = [next(stream).choices[0].delta.content]
    world.platform.remove_route("tiny")
    world.router.follows(world.aws)
    assert world.router.post(CHAT, world.token, ASK).status_code == 404
    world.engine.go()
    assert parts + [chunk.choices[0].delta.content for chunk in stream] == ["Hel", "lo"]


def test_a_revoked_token_cuts_its_stream_and_no_other(world: World) -> None:
    """Within a look at the table the open stream ends with an error, the engine is told, and the token is worth nothing."""
    doomed = world.platform.token()
    world.router.follows(world.aws)
    world.engine.hold()
    mine = world.router.client(world.token).chat.completions.create(model="tiny", messages=HELLO, stream=True)
    next(mine)
    theirs = world.router.client(doomed).chat.completions.create(model="tiny", messages=HELLO, stream=True)
    next(theirs)
    world.platform.revoke(doomed)
    with pytest.raises(openai.APIError, match="revoked"):
        list(theirs)
    assert world.engine.left.wait(10)
    assert world.router.post(CHAT, doomed, ASK).status_code == 401
    world.engine.go()
    assert [chunk.choices[0].delta.content for chunk in mine] == ["lo"]


def test_a_caller_that_leaves_stops_the_engine(world: World) -> None:
    """Closing the connection in the middle of a stream closes the one to the engine."""
    world.engine.hold()
    with (
        httpx.Client(trust_env=False) as client,
        client.stream(
            "POST", world.router.url + CHAT, json={**ASK, "stream": True}, headers={"Authorization": f"Bearer {world.token}"}
        ) as answered,
    ):
        next(answered.iter_raw())
    assert world.engine.left.wait(10)


def test_a_dead_target_is_gone_round(world: World) -> None:
    """With one target dead and one alive every request is answered, before its first byte, by the one that lives."""
    with StubEngine() as gone:
        dead = gone.port
    world.platform.route(targets=[target(dead, "dead"), target(world.engine.port, "live")])
    world.router.follows(world.aws)
    assert {world.router.post(CHAT, world.token, ASK).status_code for _ in range(20)} == {200}


def test_weights_are_respected(world: World) -> None:
    """A target of weight 0 gets nothing while another has weight."""
    with StubEngine() as idle:
        world.platform.route(targets=[target(idle.port, "idle", weight=0), target(world.engine.port, "busy", weight=100)])
        world.router.follows(world.aws)
        assert {world.router.post(CHAT, world.token, ASK).status_code for _ in range(20)} == {200}
        assert idle.requests == []


def test_an_engine_that_fails_or_refuses(world: World) -> None:
    """A failure is 502 in our words, a refusal of the request is the engine's own in OpenAI's shape."""
    world.engine.status = 500
    failed = world.router.post(CHAT, world.token, ASK)
    assert (failed.status_code, failed.json()["error"]["code"]) == (502, "engine_failed")
    world.engine.status = 400
    world.engine.refusal = {
        "error": {"message": "This model's maximum context length is 8 tokens.", "code": 400, "type": "BadRequestError"}
    }
    refused = world.router.post(CHAT, world.token, ASK)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "context_length_exceeded")


def test_everything_else_is_not_there(world: World) -> None:
    """Unknown paths get 404 in OpenAI's shape, wrong methods 405, and metrics nothing from behind a load balancer."""
    assert world.router.http.get("/docs").json()["error"]["code"] == "not_found"
    assert world.router.http.get(CHAT).status_code == 405
    assert world.router.http.get("/metrics", headers={"X-Forwarded-For": "1.2.3.4"}).status_code == 404
    assert "access-control-allow-origin" not in world.router.http.get("/health/live", headers={"Origin": "https://x"}).headers


def test_a_poisoned_row_changes_nothing(world: World) -> None:
    """A row that cannot be used is refused: the route held before goes on serving."""
    world.platform.route(targets=[{"target_id": "x"}])
    world.router.follows(world.aws)
    assert world.router.post(CHAT, world.token, ASK).status_code == 200
    assert 'feed_poison_rows_total{feed="routes"} 0' not in world.router.http.get("/metrics").text


def test_it_serves_with_the_control_plane_dead(world: World) -> None:
    """Known callers are served, unknown ones refused, while nothing of AWS answers; afterwards it follows again."""
    world.aws.alive = False
    try:
        until(lambda: 'feed_errors_total{feed="routes"}' in world.router.http.get("/metrics").text)
        late = world.platform.token()
        assert world.router.post(CHAT, world.token, ASK).status_code == 200
        assert world.router.post(CHAT, late, ASK).status_code == 401
        assert world.router.is_ready()
    finally:
        world.aws.alive = True
    until(lambda: world.router.post(CHAT, late, ASK).status_code == 200)


def test_the_access_log_tells_what_and_never_what_was_said(world: World) -> None:
    """One line a request with its figures; no prompt, no answer, no token in any line."""
    world.router.post(CHAT, world.token, ASK, **{"X-Request-Id": "logged-1"})
    until(lambda: any(line.get("request_id") == "logged-1" for line in world.router.lines))
    line = next(line for line in world.router.lines if line.get("request_id") == "logged-1")
    assert (line["model"], line["version"], line["status"], line["token_id"]) == ("tiny", "1.0.0", 200, world.token.split("_")[1])
    assert 0 < line["ttft_ms"] <= line["duration_ms"]
    everything = json.dumps(world.router.lines)
    assert "canary" not in everything
    assert world.token not in everything
