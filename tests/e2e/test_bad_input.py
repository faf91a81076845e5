"""Bad input, and what it gets: a 4xx with code and field path, no stack trace, no trace of a secret, and nothing written."""

import base64
import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e.platform import Platform, Reply, Started, send

CANARY = "canary-7f3c9a51d2"
"""Put where secrets are; it must come back nowhere."""
_GOOD = {
    "model_id": "never",
    "hosting": "hosted",
    "allowed_groups": ["research"],
    "artifact": {"uri": "s3://slipway-somewhere/never/1.0.0/", "manifest_sha256": "0" * 64},
    "engine": {"kind": "mock"},
}
_PROVIDER = {"model_id": "never", "hosting": "provider", "allowed_groups": ["research"], "provider": {"name": "openai", "model": "m"}}
HIDDEN = (
    "https://169.254.169.254/latest/meta-data",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://127.1/",
    "https://127.0.0.1/",
    "https://localhost/",
    "https://10.0.0.1/v1",
    "https://192.168.1.1/v1",
    "https://100.64.0.1/v1",
    "https://[::1]/v1",
    "https://[fe80::1]/v1",
    "https://[fd00:ec2::254]/v1",
    "https://[::ffff:169.254.169.254]/v1",
    "https://[64:ff9b::a9fe:a9fe]/v1",
    "https://[2002:a9fe:a9fe::]/v1",
    "https://0/",
    "http://example.com/v1",
    "file:///etc/passwd",
    f"https://user:{CANARY}@example.com/v1",
    "https://example.com@169.254.169.254/v1",
    "https://example.com\\@169.254.169.254/v1",
    "https://169.254.169.254%2f.example.com/v1",
)


@dataclass(frozen=True)
class Row:
    """One bad request and its answer. `path` None: no field is to blame."""

    name: str
    status: int
    code: str
    path: str | None = None
    method: str = "POST"
    url: str = "/models"
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def hosted(**changes: Any) -> dict[str, Any]:
    """A good wish for a hosted model, with changes."""
    return copy.deepcopy(_GOOD) | changes


def _field(name: str, path: str, **changes: Any) -> Row:
    return Row(name, 422, "validation-failed", path, body=hosted(**changes))


FIELDS = [
    _field("unknown field", "surprise", surprise=CANARY),
    _field("unknown field, deep", "engine.surprise", engine={"kind": "mock", "surprise": CANARY}),
    _field("wrong type", "capacity.min", capacity={"min": "two", "max": 4}),
    _field("model_id in capitals", "model_id", model_id="Never"),
    _field("model_id too short", "model_id", model_id="n"),
    _field("model_id with a path", "model_id", model_id="../never"),
    _field("model_id with a final newline", "model_id", model_id="never\n"),
    _field("model_id reserved", "model_id", model_id="plan"),
    _field("min above max", "capacity", capacity={"min": 5, "max": 1, "desired": 1}),
    _field("variable off the allow-list", "container.environment", container={"environment": {"LD_PRELOAD": CANARY}}),
    _field("health check with a shell", "container.health_check.command", container={"health_check": {"command": ["/app/health; reboot"]}}),
    _field("health check's arguments", "container.health_check.command", container={"health_check": {"command": ["/app/health", "$(id)"]}}),
    _field("no groups", "allowed_groups", allowed_groups=[]),
    _field("an artefact outside S3", "artifact.uri", artifact={"uri": "https://example.com/", "manifest_sha256": "0" * 64}),
    _field("an unknown engine", "engine.kind", engine={"kind": "perpetuum"}),
    _field("an instance type that nobody has", "accelerator.instance_types[0]", accelerator={"gpus": 1, "instance_types": ["g99.xlarge"]}),
    _field("an image without digest", "engine.image", engine={"kind": "vllm", "image": "vllm/vllm-openai:latest"}),
]
ADDRESSES = [
    Row(
        address,
        422,
        "validation-failed",
        "provider.api_base",
        body=_PROVIDER | {"provider": {"name": "openai", "model": "m", "api_base": address}},
    )
    for address in HIDDEN
]
SHAPES = [
    Row("not JSON", 400, "body-not-json", body=b'{"model_id": "' + CANARY.encode()),
    Row("a list", 400, "body-not-object", body=[1, 2]),
    Row("not a number", 400, "body-not-json", body=b'{"model_id": NaN}'),
    Row("10^5 levels deep", 400, "body-too-deep", body=b'{"a":' * 100_000),
    Row("over 1 MB", 413, "body-too-large", body=hosted(description=CANARY + "x" * 1_000_001)),
    Row("a key that is none", 400, "idempotency-key-invalid", body=hosted(), headers={"Idempotency_Key": "k" * 256}),
]
PLACES = [
    Row("unknown model", 404, "model-not-found", method="GET", url="/models/never"),
    Row("unknown model's timeline", 404, "model-not-found", method="GET", url="/models/never/events"),
    Row("delete of an unknown model", 404, "model-not-found", method="DELETE", url="/models/never"),
    Row("unknown operation", 404, "operation-not-found", method="GET", url="/operations/01KAHV5X3V8Q4T1N6F2R7C9B0D"),
    Row("unknown token", 404, "token-not-found", method="GET", url="/tokens/abcdefghijklmn23"),
    Row("stale If-Match", 412, "generation-stale", method="DELETE", url="/models/smollm2-135m", headers={"If_Match": '"999"'}),
    Row("If-Match of another kind", 400, "if-match-invalid", method="DELETE", url="/models/smollm2-135m", headers={"If_Match": '"abc"'}),
    Row(
        "a context beyond the model's own",
        422,
        "validation-failed",
        "engine.arguments.context_length",
        method="PATCH",
        url="/models/smollm2-135m",
        body={"engine": {"arguments": {"context_length": 16_384}}},
    ),
    Row("a plan of nothing", 422, "validation-failed", url="/models/plan", body={}),
    Row("a dry run of what cannot be tried", 422, "validation-failed", "dry_run", url="/tokens?dry_run=true", body={"name": "t"}),
    Row("a page of no instances", 422, "validation-failed", "gpus_min", method="GET", url="/instances?gpus_min=0"),
    Row("retry of what works", 409, "retry-not-possible", url="/models/smollm2-135m/retry"),
    Row("a page of none", 422, "validation-failed", "limit", method="GET", url="/models?limit=0"),
    Row("an unknown filter", 422, "validation-failed", "colour", method="GET", url=f"/models?colour={CANARY}"),
    Row("a page token that is none", 422, "validation-failed", "next_token", method="GET", url=f"/models?next_token={CANARY}"),
]
ROWS = [*FIELDS, *ADDRESSES, *SHAPES, *PLACES]


def written(platform: Platform) -> set[tuple[str, str]]:
    """Keys of what a request could have written in any context: models, operations, stored answers, tokens, ledger rows.

    What routers tell of the traffic is kept at its own pace, whatever is asked.
    """
    tables = ("ServingModelTable", "AccessTokenTable", "RoutingRouteTable", "RegistryVersionTable")
    keys = {(row["pk"]["S"], row["sk"]["S"]) for table in tables for row in platform.rows(table)}
    return {key for key in keys if not key[0].startswith("OUTBOX#") and key[1] != "LOAD"}


def assert_says_nothing(reply: Reply) -> None:
    """No stack trace, no path of ours, nothing that was secret."""
    for word in (CANARY, "Traceback", ".py", "/var/task", "botocore", "pydantic", "arn:aws"):
        assert word not in reply.text, reply.text


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_written(started: Started) -> Iterator[None]:
    """What the tables hold after all of this page is what they held before."""
    before = written(started.platform)
    yield
    assert written(started.platform) <= before


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_bad_request_is_refused(platform: Platform, row: Row) -> None:
    """Status, code and field path are those of the table, in a problem document that gives nothing away."""
    reply = platform.call(row.method, row.url, row.body, **row.headers)
    assert (reply.status, reply.headers["content-type"]) == (row.status, "application/problem+json"), reply.text
    problem = reply.json
    assert (problem["code"], problem["status"]) == (row.code, row.status)
    if row.path is not None:
        assert row.path in [error["path"] for error in problem["errors"]], problem
    assert_says_nothing(reply)


def _unsigned(claims: dict[str, Any], algorithm: str, signature: str = "") -> str:
    parts = ({"alg": algorithm, "typ": "JWT", "kid": "1"}, claims)
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), signature])


_CLAIMS = {"sub": "mallory", "iss": "https://example.com", "aud": "slipway", "cognito:groups": ["slipway-admins"], "token_use": "id"}
TOKENS = {
    "words": "please",
    "alg none": _unsigned(_CLAIMS | {"exp": 4102444800}, "none"),
    "alg None": _unsigned(_CLAIMS | {"exp": 4102444800}, "None"),
    "signed by nobody": _unsigned(_CLAIMS | {"exp": 4102444800}, "RS256", base64.urlsafe_b64encode(b"x" * 256).decode().rstrip("=")),
    "symmetric": _unsigned(_CLAIMS | {"exp": 4102444800}, "HS256", base64.urlsafe_b64encode(b"x" * 32).decode().rstrip("=")),
    "expired": _unsigned(_CLAIMS | {"exp": 1}, "RS256", base64.urlsafe_b64encode(b"x" * 256).decode().rstrip("=")),
    "our form, wrong sum": "slp_" + "a" * 16 + "_" + "B" * 43 + "_000000",
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS.keys())
def test_a_token_that_is_none_is_refused_on_both_sides(platform: Platform, token: str) -> None:
    """The API says 403 before any function of the route runs, the router 401; neither says why."""
    reply = platform.call("GET", "/models", token=token)
    assert (reply.status, reply.json) == (403, {"message": "Forbidden"})
    assert platform.ask("smollm2-135m", token=token).status == 401


def test_a_forged_secret_is_refused(platform: Platform) -> None:
    """A token whose id exists but whose secret is another's is worth nothing."""
    good = platform.values["OPENAI_API_KEY"]
    forged = good[:25] + ("A" if good[25] != "A" else "B") + good[26:]
    assert platform.call("GET", "/models", token=forged).status == 403
    assert platform.ask("smollm2-135m", token=forged).status == 401


def test_without_a_token_nobody_gets_in(platform: Platform) -> None:
    """401 from the API and from the router."""
    assert platform.call("GET", "/models", token="").status == 401
    assert send("GET", platform.values["OPENAI_BASE_URL"] + "/models").status == 401


def test_an_application_may_not_administer(platform: Platform) -> None:
    """An inference token reads no model, creates none and issues no token: scope-missing."""
    token = platform.values["OPENAI_API_KEY"]
    for method, url, body in (
        ("POST", "/models", hosted()),
        ("POST", "/tokens", {"name": "more", "scopes": ["admin"]}),
        ("GET", "/tokens", None),
    ):
        reply = platform.call(method, url, body, token=token)
        assert (reply.status, reply.json["code"]) == (403, "scope-missing"), reply.text
        assert_says_nothing(reply)


def test_what_was_secret_is_in_no_log(platform: Platform) -> None:
    """After all of the above, no log group and no log file of the platform holds the canary."""
    logs = platform.aws("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        found = logs.filter_log_events(logGroupName=group["logGroupName"], filterPattern=f'"{CANARY}"')["events"]
        assert not [event for event in found if CANARY in event["message"]], group["logGroupName"]
    for file in (platform.home / "logs").rglob("*.log"):
        assert CANARY not in file.read_text(errors="replace"), file
