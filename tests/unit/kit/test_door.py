"""Every kind of door, with what AWS really sends."""

import base64
import json
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from kit.caller import Caller
from kit.door.command import accepted, asked
from kit.door.event import event
from kit.door.http import Answer, Request, http
from kit.door.principal import principal_context
from kit.door.queue import queue, raw_queue
from kit.door.schedule import alarm, schedule
from kit.door.step import step
from kit.door.stream import stream
from kit.envelope import Envelope
from kit.errors import Broken, Conflict, Contended, NotFound, Transient
from kit.observability import logger
from kit.table import Row
from tests.fabric.wire import Context, bus_event, envelope_of, http_event, queue_event, stream_event

PRINCIPAL = {"subject": "oidc:u", "kind": "oidc", "groups": ["g"], "scopes": ["models:read"]}
IMAGE = {"pk": {"S": "p"}, "sk": {"S": "LEDGER#1"}, "document": {"S": '{"n": 1}'}, "revision": {"N": "1"}}


class Inner(BaseModel):
    """A nested contract."""

    model_config = ConfigDict(extra="forbid")
    min: int = Field(ge=0)


class Wish(BaseModel):
    """A contract."""

    model_config = ConfigDict(extra="forbid")
    name: str
    inner: list[Inner] = []


def _answer(function: Any, event: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = http(function)(event, Context())
    return {**answer, "json": json.loads(answer["body"]) if answer["body"] else None}


def _body(event: dict[str, Any]) -> dict[str, Any]:
    return _answer(lambda request: Answer(200, request.body(Wish.model_validate).model_dump()), event)


def test_http_hands_over_who_asks_and_what() -> None:
    """Caller, path, query, headers in lower case, and the answer's headers."""
    seen: list[Request] = []

    def function(request: Request) -> Answer:
        seen.append(request)
        return Answer(201, {"a": "ü"}, {"etag": '"1"'})

    event = http_event(
        "POST",
        "/models/m",
        principal=PRINCIPAL,
        body={},
        path_parameters={"id": "m"},
        query={"q": "1"},
        headers={"X-Y": "z", "If-Match": '"7"'},
    )
    answer = _answer(function, event)
    assert (answer["statusCode"], answer["json"], answer["headers"]["etag"]) == (201, {"a": "ü"}, '"1"')
    assert (answer["headers"]["x-request-id"], answer["headers"]["cache-control"]) == ("request-1", "no-store")
    (request,) = seen
    assert request.caller == Caller("oidc:u", "oidc", ("g",), ("models:read",))
    assert (request.path_parameters, request.query, request.headers["x-y"]) == ({"id": "m"}, {"q": "1"}, "z")
    assert (request.expected_generation, request.idempotency_key) == (7, None)


def test_the_authorizers_context_is_what_the_door_reads() -> None:
    """One JSON text there and back."""
    caller = Caller("token:x", "token", ("g",), ("inference",), "abc")
    context = principal_context(caller)
    event = http_event("GET", "/")
    event["requestContext"]["authorizer"] = {"lambda": context}
    assert _answer(lambda request: Answer(200, request.caller == caller), event)["json"] is True


@pytest.mark.parametrize("authorizer", [None, {}, {"lambda": {}}, {"lambda": {"principal": ""}}])
def test_nobody_behind_a_request_is_401(authorizer: Any) -> None:
    """A route that was left open by mistake lets nobody through."""
    event = http_event("GET", "/")
    event["requestContext"]["authorizer"] = authorizer
    assert _answer(lambda _: Answer(200), event)["json"]["code"] == "not-authenticated"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("{", 400, "body-not-json"),
        ("[1]", 400, "body-not-object"),
        ('{"name": NaN}', 400, "body-not-json"),
        ('{"name": 1e999}', 422, "validation-failed"),
        ("[" * 100_000, 400, "body-too-deep"),
        ('{"a":' * 100_000, 400, "body-too-deep"),
        ('{"name": ' + "9" * 10_000 + "}", 400, "body-not-json"),
        ('{"name": "' + "x" * 1_000_000 + '"}', 413, "body-too-large"),
        ('{"name": "\ud800"}', 400, "body-not-text"),
        ('{"name": "\\ud800"}', 400, "body-not-text"),
        ("", 422, "validation-failed"),
    ],
)
def test_bad_bodies_are_refused(body: str, status: int, code: str) -> None:
    """Broken, endless, deep, huge: a problem document, never a stack trace."""
    answer = _body(http_event("POST", "/", principal=PRINCIPAL, body=body))
    assert (answer["statusCode"], answer["json"]["code"]) == (status, code)
    assert "Traceback" not in answer["body"]


def test_brackets_in_texts_are_not_depth() -> None:
    """Nor behind escaped quotes."""
    name = '"[{' * 100 + "\\"
    assert _body(http_event("POST", "/", principal=PRINCIPAL, body={"name": name}))["json"]["name"] == name


def test_base64_bodies_are_decoded() -> None:
    """As API Gateway sends binary types; what is not text is refused."""
    for content, status in ((b'{"name": "n"}', 200), (b"\xff\xfe", 400)):
        event = http_event("POST", "/", principal=PRINCIPAL, body=base64.b64encode(content).decode())
        event["isBase64Encoded"] = True
        assert _body(event)["statusCode"] == status


def test_fields_are_named_by_their_path() -> None:
    """Nested and in lists, unknown ones too, without what was sent."""
    answer = _body(http_event("POST", "/", principal=PRINCIPAL, body={"name": 1, "inner": [{"min": 0}, {"min": -1}], "hot": "secret"}))
    assert [item["path"] for item in answer["json"]["errors"]] == ["name", "inner[1].min", "hot"]
    assert "secret" not in answer["body"]


@pytest.mark.parametrize("header", ["x", '"1', "1, 2", '""', "-1", '"' + "9" * 5000 + '"'])
def test_other_preconditions_are_refused(header: str) -> None:
    """If-Match takes one generation."""
    event = http_event("GET", "/", principal=PRINCIPAL, headers={"if-match": header})
    answer = _answer(lambda request: Answer(200, request.expected_generation), event)
    assert answer["statusCode"] == (200 if header == '"1' else 400)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "ü"])
def test_other_keys_are_refused(key: str) -> None:
    """Visible ASCII, 255 at most."""
    event = http_event("GET", "/", principal=PRINCIPAL, headers={"idempotency-key": key})
    assert _answer(lambda request: Answer(200, request.idempotency_key), event)["json"]["code"] == "idempotency-key-invalid"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFound("model-not-found", "no such model"), 404, "model-not-found"),
        (Transient("table-throttled", "busy"), 503, "table-throttled"),
        (Broken("table-refused", "password=hot"), 500, "internal-error"),
        (ValueError("password=hot"), 500, "internal-error"),
    ],
)
def test_errors_become_problems(error: Exception, status: int, code: str) -> None:
    """Refusals as they are, trouble to be tried again, and of what is broken inside not a word."""

    def function(_: Request) -> Answer:
        raise error

    answer = _answer(function, http_event("GET", "/", principal=PRINCIPAL))
    assert (answer["statusCode"], answer["json"]["code"], answer["json"]["instance"]) == (status, code, "request-1")
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert ("retry-after" in answer["headers"]) is (status == 503)
    assert "hot" not in answer["body"]


def _raising(error: Exception) -> Any:
    def function(*_: Any) -> Any:
        raise error

    return function


def test_an_event_is_unwrapped() -> None:
    """As the bus hands it over."""
    seen: list[Envelope] = []
    envelope = envelope_of("ModelRequested", {"a": 1})
    event(seen.append)(bus_event(envelope), Context())
    assert seen == [envelope]


def test_a_refused_event_is_final_and_trouble_comes_back() -> None:
    """A refusal would be refused again; anything else is raised for the next delivery."""
    message = bus_event(envelope_of("E", {}))
    event(_raising(Conflict("c", "m")))(message, Context())
    for error in (Transient("t", "m"), Broken("b", "m"), ValueError()):
        with pytest.raises(type(error)):
            event(_raising(error))(message, Context())


def test_an_event_without_an_envelope_is_broken() -> None:
    """It goes to the dead letters."""
    with pytest.raises(Broken, match="event-malformed"):
        event(lambda _: None)({**bus_event(envelope_of("E", {})), "detail": {}}, Context())


def test_each_message_of_a_queue_stands_alone() -> None:
    """Those that fail come back by their ids, a refused one does not, and all failing is no exception."""
    outcomes: dict[str, Exception | None] = {"0": None, "1": Transient("t", "m"), "2": Conflict("c", "m"), "3": ValueError()}
    seen: list[str] = []

    def function(envelope: Envelope) -> None:
        seen.append(envelope.data["n"])
        if error := outcomes[envelope.data["n"]]:
            raise error

    handler = queue(function)
    answer = handler(queue_event([bus_event(envelope_of("E", {"n": number})) for number in outcomes]), Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-1"}, {"itemIdentifier": "message-3"}]}
    assert seen == list(outcomes)
    answer = handler(queue_event([bus_event(envelope_of("E", {"n": "3"}))]), Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}


def test_a_message_that_fails_says_why_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes back only when its queue shows it again, and its cause would be known to nobody."""
    said: list[tuple[str, Any, bool]] = []
    monkeypatch.setattr(logger, "exception", lambda text, extra: said.append((text, extra, sys.exc_info()[0] is Transient)))
    queue(_raising(Transient("t", "m")))(queue_event([bus_event(envelope_of("E", {}))]), Context())
    assert said == [("a message failed", {"message_id": "message-0"}, True)]


def test_a_raw_queue_hands_over_awss_own_events() -> None:
    """ECS's have no envelope of ours."""
    seen: list[dict[str, Any]] = []
    body = {"id": "1", "detail-type": "ECS Task State Change", "source": "aws.ecs", "detail": {"lastStatus": "RUNNING"}}
    assert raw_queue(seen.append)(queue_event([body]), Context()) == {"batchItemFailures": []}
    assert seen == [body]


def test_a_stream_stops_at_the_first_row_that_fails() -> None:
    """Later facts never overtake earlier ones; the batch is retried from there."""
    seen: list[Row] = []

    def function(row: Row) -> None:
        seen.append(row)
        if row.document["n"] == 2:
            raise Transient("t", "m")

    rows = [{**IMAGE, "document": {"S": json.dumps({"n": number})}} for number in (1, 2, 3)]
    answer = stream(function)(stream_event(rows), Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "101"}]}
    assert [row.document["n"] for row in seen] == [1, 2]
    assert seen[0] == Row("p", "LEDGER#1", {"n": 1}, {"revision": 1})


def test_a_step_keeps_its_errors_names() -> None:
    """The state machine's Retry and Catch read them."""
    assert step(lambda message: {"decision": message["operation_id"]})({"operation_id": "o"}, Context()) == {"decision": "o"}
    with pytest.raises(Contended):
        step(_raising(Contended("c", "m")))({"operation_id": "o"}, Context())


def test_a_schedule_answers_what_was_done() -> None:
    """For the log."""

    def function() -> Mapping[str, Any]:
        return {"announced": 3}

    assert schedule(function)({"source": "aws.scheduler"}, Context()) == {"announced": 3}


def test_an_alarm_hands_on_what_it_was_set_with() -> None:
    """And answers what was done; what goes wrong is raised, so that it is called again."""
    called: list[dict[str, Any]] = []

    def function(message: dict[str, Any]) -> Mapping[str, Any]:
        called.append(message)
        return {"action": "start"}

    assert alarm(function)({"model_id": "m"}, Context()) == {"action": "start"}
    assert called == [{"model_id": "m"}]
    with pytest.raises(Contended):
        alarm(_raising(Contended("c", "m")))({"model_id": "m"}, Context())


def test_doors_keep_the_functions_name() -> None:
    """What is traced and logged is the function, not its door."""

    def some_name(_: Envelope) -> None:
        """Do nothing."""

    assert event(some_name).__name__ == "some_name"


def test_an_accepted_command_says_where_it_is_followed() -> None:
    """202 with the operation's link, and with the new generation as ETag where there is one."""
    answer = {"body": {"links": {"operation": "/operations/o"}}, "generation": 3}
    assert accepted(answer) == Answer(202, answer["body"], {"location": "/operations/o", "etag": '"3"'})
    assert accepted(answer, tagged=False) == Answer(202, answer["body"], {"location": "/operations/o"})


def test_a_command_is_what_its_route_and_all_it_names_make_it() -> None:
    """The same again has the same digest; another route, thing or generation has another; a dry run is no command."""
    digests: set[str] = set()

    def function(request: Request) -> Answer:
        orders = [
            asked(request, "POST /a", a=1),
            asked(request, "POST /a", a=1),
            asked(request, "POST /b", a=1),
            asked(request, "POST /a", a=2),
        ]
        digests.update(order.digest for order in orders)
        assert {(order.caller, order.key) for order in orders} == {("oidc:u", "k")}
        return Answer(200)

    assert _answer(function, http_event("POST", "/", principal=PRINCIPAL, headers={"Idempotency-Key": "k"}))["statusCode"] == 200
    assert len(digests) == 3
    assert _answer(function, http_event("POST", "/", principal=PRINCIPAL, query={"dry_run": "true"}))["statusCode"] == 422
