"""What goes into the management API and must not come out: of its answers, rows, events, logs, metrics, traces, definitions and inputs."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from kit.aws import client
from tests.borders.canaries.garden import Garden
from tests.borders.injection.nasty import NAMES
from tests.evidence import counted
from tests.fabric import world
from tests.fabric.wire import Context, bus_event, envelope_of, http_event, queue_event, stream_event
from tests.functional.access.conftest import ADMIN, ALICE, BOB, House, access_world
from tests.functional.serving import samples
from tests.functional.serving.world import TABLE, Serving, serving_world

HEADERS = (
    "authorization",
    "cookie",
    "x-api-key",
    "x-amz-security-token",
    "proxy-authorization",
    "x-forwarded-for",
    "user-agent",
    "referer",
)
UNKNOWN = (
    "api_key",
    "token",
    "password",
    "secret",
    "credentials",
    "hf_token",
    "aws_secret_access_key",
    "private_key",
    "headers",
    "metadata",
)


def _refused_wishes(garden: Garden) -> Iterator[Any]:
    """Bodies for `POST /models` that must be refused, each with a secret where somebody might put one."""

    def secret(where: str) -> str:
        return garden.plant("secret", where)

    for name in NAMES:
        yield samples.hosted(container={"environment": {name: secret(f"environment {name!r}")}})
    for name in UNKNOWN:
        yield samples.hosted() | {name: secret(f"field {name}")}
        yield samples.provider() | {"provider": {"name": "openai", "model": "m", name: secret(f"provider.{name}")}}
        yield samples.hosted(engine={"kind": "vllm", "arguments": {name: secret(f"engine.arguments.{name}")}})
    yield samples.provider(provider={"name": "openai", "model": "m", "secret": secret("a key in place of a secret's ARN")})
    yield samples.provider(provider={"name": "openai", "model": "m", "api_base": f"https://user:{secret('userinfo')}@good.example/"})
    yield samples.provider(
        provider={"name": "openai", "model": "m", "api_base": f"https://good.example/?key={secret('query of api_base')}"}
    )
    yield samples.provider(provider={"name": "openai", "model": "m", "api_base": f"https://{secret('host')}.internal/"})
    yield samples.hosted(artifact={"uri": f"s3://bucket/../{secret('uri')}", "manifest_sha256": samples.DIGEST})
    yield samples.hosted(artifact={"uri": "s3://slipway-artifacts/x/", "manifest_sha256": secret("digest")})
    yield samples.hosted(capacity=secret("capacity"))
    yield samples.hosted(tags={"team": [secret("tag of the wrong type")]})
    yield samples.hosted(container={"health_check": {"command": ["/bin/sh", "-c", secret("health check")]}})
    yield samples.hosted(description={"x": secret("description of the wrong type")})
    yield samples.hosted(model_id=secret("model_id").upper())
    yield "{" + json.dumps({"api_key": secret("a body that is cut off")})[:-1].removeprefix("{")
    yield f"api_key={secret('a form')}"
    yield json.dumps(secret("a body that is a text"))
    yield "[" * 40 + f'"{secret("a deep body")}"' + "]" * 40
    yield '{"description": "\\ud800' + secret("half a surrogate pair") + '"}'
    yield json.dumps({"description": "x" * 1_000_001, "api_key": secret("a long body")})


def _ask(serving: Serving, garden: Garden, function: str, event: dict[str, Any]) -> int:
    answer = serving.run(function, event)
    garden.collect("answers", answer["body"])
    garden.collect("answers", answer["headers"])
    return int(answer["statusCode"])


def _event(body: Any = None, **more: Any) -> dict[str, Any]:
    return http_event("POST", "/models", principal=samples.RESEARCHER, body=body, **more)


def _look_around(garden: Garden) -> None:
    """Every sink of serving but what it says."""
    for image in world.images(TABLE):
        garden.collect("rows", image)
        document = json.loads(image["document"]["S"])
        if "event_type" in document:
            garden.collect("events", document["data"] | document["metadata"])
    ecs = client("ecs")
    for arn in ecs.list_task_definitions()["taskDefinitionArns"]:
        garden.collect("task definitions", ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"])
    for schedule in client("scheduler").list_schedules()["Schedules"]:
        garden.collect("inputs", client("scheduler").get_schedule(GroupName=schedule["GroupName"], Name=schedule["Name"])["Target"])


def _finish(garden: Garden, context: str) -> None:
    assert garden.leaks() == []
    counted("canaries_planted", len(garden.planted), context=context)
    counted("canaries_leaked", 0, context=context)


def test_what_serving_refuses_it_keeps_to_itself() -> None:
    """A hundred refused bodies, headers and queries with secrets in them leave no trace but a refusal."""
    garden = Garden()
    with serving_world() as serving:
        with garden.overhearing():
            for body in _refused_wishes(garden):
                assert 400 <= _ask(serving, garden, "create_model", _event(body)) < 500
                assert 400 <= _ask(serving, garden, "plan_model", _event(body)) < 500
            raw = garden.plant("secret", "a body that is no text")
            event = _event("x") | {"isBase64Encoded": True, "body": base64.b64encode(b"\xff\xfe" + raw.encode()).decode()}
            assert _ask(serving, garden, "create_model", event) == 400
            for name in HEADERS:
                _ask(serving, garden, "create_model", _event(samples.hosted(), headers={name: garden.plant("secret", f"header {name}")}))
                _ask(serving, garden, "list_models", _event(query={"limit": "1", name: garden.plant("secret", f"query {name}")}))
            for bad in ("\n", "x" * 300, "\u00e9"):
                _ask(
                    serving,
                    garden,
                    "create_model",
                    _event(samples.hosted(), headers={"idempotency-key": garden.plant("secret", "bad key") + bad}),
                )
                _ask(serving, garden, "delete_model", _about(headers={"if-match": garden.plant("secret", "If-Match") + bad}))
            for name in ("limit", "next_token", "dry_run"):
                _ask(serving, garden, "list_models", _event(query={name: garden.plant("secret", f"query {name}")}))
        _look_around(garden)
    assert garden.sinks["rows"]
    assert "answered with a problem" in "".join(garden.sinks["logs"])
    _finish(garden, "serving")


def _about(model_id: str = samples.MODEL_ID, **more: Any) -> dict[str, Any]:
    return http_event("DELETE", f"/models/{model_id}", principal=samples.ADMIN, path_parameters={"model_id": model_id}, **more)


def test_what_everybody_may_read_of_a_model_stays_out_of_logs() -> None:
    """Descriptions, tags and defaults go where people read them, not into logs, metrics, traces or what runs the engine."""
    garden = Garden()

    def public(where: str) -> str:
        return garden.plant("public", where)

    wish = samples.hosted(
        description=public("description"),
        tags={public("a tag's name"): public("a tag's value")},
        allowed_groups=["research"],
        features={"summarization": {"enabled": True, "description": public("summarization")}},
        generation_defaults={"stop": [public("stop")]},
    )
    with serving_world() as serving:
        with garden.overhearing():
            key = garden.plant("command", "Idempotency-Key")
            assert _ask(serving, garden, "create_model", _event(wish, headers={"idempotency-key": key})) == 202
            serving.pump()
            serving.hear("ModelVersionValidated", samples.validated(), within=serving.model()["operation"])
            service = str(serving.model()["deployments"][-1]["service"])
            serving.ecs(samples.task_event(service, "RUNNING", 3))
            serving.hear("RouteChanged", samples.route("open", 2))
            assert serving.model()["status"] == "InService"
            change = json.dumps({"description": public("a new description")})
            patch = http_event("PATCH", "/x", principal=samples.RESEARCHER, body=change, path_parameters={"model_id": samples.MODEL_ID})
            assert _ask(serving, garden, "update_model", patch) == 202
            for function in ("read_model", "list_models", "list_model_events"):
                assert _ask(serving, garden, function, _about()) == 200
            for image in world.images(TABLE):
                if image["sk"]["S"].startswith("LEDGER#"):
                    assert serving.run("announce_model_changes", stream_event([image])) == {"batchItemFailures": []}
        for execution in serving.machines.executions.values():
            garden.collect("state machines", str(vars(execution)))
        _look_around(garden)
    assert garden.seen("public", "rows") == sum(kind == "public" for kind, _ in garden.planted.values())
    assert garden.seen("public", "answers") > 0
    _finish(garden, "serving")


def test_an_error_inside_is_not_for_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an exception says, of ours, of AWS's client or of Python: the caller learns a request id."""
    from botocore.exceptions import ClientError

    from kit.errors import Broken
    from kit.table import Table

    garden = Garden()
    with serving_world() as serving:
        for make in (
            RuntimeError,
            KeyError,
            lambda text: Broken("broken", text, text),
            lambda text: UnicodeDecodeError("utf-8", text.encode(), 0, 1, text),
            lambda text: ClientError({"Error": {"Code": "ValidationException", "Message": text}}, "GetItem"),
        ):
            error = make(garden.plant("secret", "an exception's text"))

            def fail(*_: Any, error: Exception = error, **__: Any) -> Any:
                raise error

            monkeypatch.setattr(Table, "get", fail)
            assert _ask(serving, garden, "read_model", _about()) >= 500
    assert garden.leaks() == []
    counted("canaries_planted", len(garden.planted), context="errors")


def test_what_a_message_that_cannot_be_read_holds_is_not_told() -> None:
    """Neither in the answer that decides about its delivery nor in the exception, which the runtime writes to the log."""
    garden = Garden()
    with serving_world() as serving:
        for function in ("on_model_requested", "on_model_deletion_requested", "on_load_observed", "on_model_wake_requested"):
            data = {"model_id": garden.plant("secret", f"a message of {function}"), "prompt": garden.plant("prompt", "an event")}
            garden.collect("answers", serving.run(function, queue_event([bus_event(envelope_of("ModelRequested", data))])))
        for function in ("on_route_changed", "on_model_version_validated"):
            data = {"x": garden.plant("prompt", f"an event of {function}")}
            with pytest.raises(ValidationError) as raised:
                serving.run(function, bus_event(envelope_of("RouteChanged", data)))
            garden.collect("answers", str(raised.value))
        _look_around(garden)
    assert garden.leaks() == []
    counted("canaries_planted", len(garden.planted), context="messages")


def _credentials(garden: Garden) -> Iterator[str]:
    for scheme in ("Bearer", "bearer", "Basic", "Token", "AWS4-HMAC-SHA256", "Digest", ""):
        yield f"{scheme} {garden.plant('secret', f'Authorization {scheme}')}"
    yield f"Bearer slp_{garden.plant('secret', 'a token of another form')}"
    yield f"Bearer slp_abcdefghijklmn23_{garden.plant('secret', 'a token')}0123456789012345678_abcdef"
    for claim in ("sub", "email", "jti"):
        parts = (json.dumps(part).encode() for part in ({"alg": "RS256", "kid": "k"}, {claim: garden.plant("secret", f"a JWT's {claim}")}))
        yield "Bearer " + ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, b"signature"))


def _issue(house: House, garden: Garden, caller: Any, **more: Any) -> dict[str, Any]:
    answer = house.issue(caller, **more)
    issued: dict[str, Any] = answer["json"]
    garden.adopt("token", "issue", issued["token"])
    garden.adopt("token", "issue, its secret", issued["token"].split("_")[2])
    garden.collect("shown once", answer["body"])
    return issued


def test_tokens_are_shown_once_and_never_again() -> None:
    """Issued, used, listed, revoked, refused: neither token, secret part nor pepper is in any row, event, log, trace or other answer."""
    garden = Garden()
    pepper = garden.plant("secret", "the pepper")
    with access_world() as house:
        client("secretsmanager").put_secret_value(SecretId="pepper", SecretString=json.dumps({"current": "1", "1": pepper}))
        with garden.overhearing():
            for number in range(10):
                name = garden.plant("public", "a token's name")
                issued = _issue(house, garden, ALICE, key=garden.plant("command", "Idempotency-Key") if number % 2 else None, name=name)
                assert house.lets_in(issued["token"])
                garden.collect("answers", house.judge(f"Bearer {issued['token']}"))
                garden.collect("answers", house.judge(f"Bearer {issued['token'][:-1]}"))
                garden.collect("answers", house.read(issued["token_id"])["body"])
                garden.collect("answers", house.revoke(issued["token_id"], ADMIN if number % 3 else ALICE)["body"])
                assert not house.lets_in(issued["token"])
                garden.collect("answers", house.judge(f"Bearer {issued['token']}"))
                garden.collect("answers", house.issue(BOB, groups=[garden.plant("secret", "a foreign group") + "!"])["body"])
            for caller in (ALICE, BOB, ADMIN):
                garden.collect("answers", house.list(caller)["body"])
            for credential in _credentials(garden):
                answer = house.judge(credential)
                assert not answer["isAuthorized"]
                garden.collect("answers", answer)
            announce = __import__("functions.access.announce_token_changes.handler", fromlist=["handler"]).handler
            for image in world.images("tokens"):
                if image["sk"]["S"].startswith("LEDGER#"):
                    assert announce(stream_event([image]), Context()) == {"batchItemFailures": []}
        for image in world.images("tokens"):
            garden.collect("rows", image)
        garden.collect("events", world.ledger("tokens"))
        rows = world.rows("tokens")
    assert garden.seen("token", "shown once") == 20
    digests = {document["digest"] for (_, sk), document in rows.items() if sk.startswith("TOKEN#")}
    everything = "".join(
        text for sink in ("events", "logs", "answers", "traces", "metrics and output") for text in garden.sinks.get(sink, ())
    )
    assert len(digests) == 10
    assert not [digest for digest in digests if digest in everything]
    _finish(garden, "access")
