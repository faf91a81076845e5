"""The management API of models, from the wire to the table."""

from typing import Any

import pytest

from contracts import views
from contracts.responses import Accepted, Operation
from tests.fabric import world
from tests.functional.serving import samples
from tests.functional.serving.world import TABLE, Serving

_START = "SLIPWAY_START_TIMEOUT_SECONDS"
_LIST = ("list_models", "GET", "/models")


def _ids(serving: Serving, caller: Any = samples.RESEARCHER, **query: str) -> list[str]:
    status, body, _ = serving.http(*_LIST, caller, query=query)
    assert status == 200
    views.ModelList.validate_document(body)
    return [model["model_id"] for model in body["items"]]


def test_the_answer_to_a_command_leads_to_its_operation(serving: Serving) -> None:
    """202, an operation, links, an ETag; the operation can be read."""
    status, body, headers = serving.http("create_model", "POST", "/models", body=samples.hosted())
    accepted = Accepted.validate_document(body)
    assert (status, headers["etag"], headers["location"]) == (202, '"1"', f"/operations/{accepted.operation_id}")
    given = {"operation_id": accepted.operation_id}
    status, body, _ = serving.http("read_operation", "GET", "/operations/x", path_parameters=given)
    assert (status, Operation.validate_document(body).kind) == (200, "create")


def test_a_repeated_command_is_answered_alike_and_done_once(serving: Serving) -> None:
    """Same key, same body: the first answer again; another body: refused."""
    first = serving.create(key="k1")
    assert serving.create(key="k1") == first
    assert world.told(TABLE) == ["ModelRequested"]
    status, body = serving.create(samples.hosted("another"), key="k1")
    assert (status, body["code"]) == (409, "idempotency-key-reused")


def test_another_callers_key_is_another_key(serving: Serving) -> None:
    """Keys are the caller's own."""
    serving.create(key="k1")
    assert serving.create(samples.hosted("another"), samples.ADMIN, key="k1")[0] == 202


def test_an_id_is_taken_once(serving: Serving) -> None:
    """Also across groups."""
    serving.create()
    status, body = serving.create(samples.hosted(allowed_groups=["sales"]), samples.STRANGER)
    assert (status, body["code"]) == (409, "model-exists")


def test_one_cannot_give_a_model_to_groups_that_one_is_not_in(serving: Serving) -> None:
    """403 with the path, `*` included; administrators may."""
    body = samples.hosted(allowed_groups=["research", "*"])
    status, problem = serving.create(body)
    assert (status, problem["errors"][0]["path"]) == (403, "allowed_groups[1]")
    assert serving.create(body, samples.ADMIN)[0] == 202


def test_scopes_are_asked_for(serving: Serving) -> None:
    """Reading is not writing."""
    assert serving.create(caller=samples.READER)[1]["code"] == "scope-missing"
    assert serving.http(*_LIST, {**samples.READER, "scopes": ["inference"]})[0] == 403


def test_a_token_for_some_models_sees_no_others(serving: Serving) -> None:
    """Of its own groups' models neither, by whichever door."""
    serving.create()
    serving.create(samples.provider())
    caller = samples.READER | {"only": ["claude"]}
    assert [item["model_id"] for item in serving.http("list_models", "GET", "/models", caller)[1]["items"]] == ["claude"]
    for function in ("read_model", "list_model_events"):
        assert serving.on_model(function, "claude", caller)[0] == 200
        assert serving.on_model(function, caller=caller)[0] == 404


@pytest.mark.parametrize("function", ["read_model", "delete_model", "retry_model", "list_model_events"])
def test_anothers_model_does_not_exist(serving: Serving, function: str) -> None:
    """404, as for an id that nobody has."""
    serving.create()
    assert serving.on_model(function, caller=samples.STRANGER)[1]["code"] == "model-not-found"
    assert serving.on_model(function, "nobodys")[1]["code"] == "model-not-found"


@pytest.mark.parametrize("function", ["read_operation", "cancel_operation"])
def test_anothers_operation_does_not_exist(serving: Serving, function: str) -> None:
    """404."""
    given = {"operation_id": serving.create()[1]["operation_id"]}
    assert serving.http(function, "X", "/operations/x", samples.STRANGER, path_parameters=given)[1]["code"] == "operation-not-found"


def test_lists_show_what_the_caller_may_see_page_by_page(serving: Serving) -> None:
    """Pages are full, follow one another without gap or repetition, and end with a null token."""
    for number in range(5):
        serving.create(samples.hosted(f"model-{number}"))
        serving.create(samples.hosted(f"model-{number}-sales", allowed_groups=["sales"]), samples.STRANGER)
    seen, token, pages = [], None, 0
    while token or not pages:
        query = {"limit": "2"} | ({"next_token": token} if token else {})
        _, body, _ = serving.http(*_LIST, query=query)
        seen += [model["model_id"] for model in body["items"]]
        token, pages = body["next_token"], pages + 1
    assert seen == [f"model-{number}" for number in range(5)]
    assert pages == 3
    assert _ids(serving, order="desc") == seen[::-1]
    assert len(_ids(serving, samples.ADMIN)) == 10


def test_lists_are_filtered(serving: Serving) -> None:
    """By status, hosting, group, tag and prefix."""
    serving.create(samples.hosted("alpha", tags={"team": "ml", "tier": "gold"}))
    serving.create(samples.hosted("alphabet", tags={"team": "web"}))
    serving.create(samples.provider("beta"))
    assert _ids(serving, prefix="alpha") == ["alpha", "alphabet"]
    assert _ids(serving, prefix="alpha", order="desc") == ["alphabet", "alpha"]
    assert _ids(serving, hosting="provider") == ["beta"]
    assert _ids(serving, tag="tier") == ["alpha"]
    assert _ids(serving, tag="team=web") == ["alphabet"]
    assert _ids(serving, group="research", status="Creating") == ["alpha", "alphabet", "beta"]
    assert _ids(serving, status="InService") == []
    assert _ids(serving, group="sales") == []


@pytest.mark.parametrize("token", ["x", "bm90LWpzb24", "WyJhIiwgIjEiXQ", "é"])
def test_a_next_token_belongs_to_its_question(serving: Serving, token: str) -> None:
    """A forged one is refused, and so is one that was given for another filter."""
    for number in range(2):
        serving.create(samples.hosted(f"model-{number}"))
    assert serving.http(*_LIST, query={"next_token": token})[1]["errors"][0]["path"] == "next_token"
    given = serving.http(*_LIST, query={"limit": "1"})[1]["next_token"]
    assert serving.http(*_LIST, query={"limit": "1", "next_token": given, "prefix": "m"})[0] == 422


def test_a_stale_if_match_is_refused(serving: Serving) -> None:
    """412 for an older generation, 202 for the present one."""
    serving.create()
    status, body = serving.on_model("delete_model", if_match='"7"')
    assert (status, body["code"]) == (412, "generation-stale")
    assert serving.on_model("delete_model", if_match='"1"')[0] == 202


def test_only_what_has_failed_can_be_retried(serving: Serving) -> None:
    """409 otherwise."""
    serving.create()
    assert serving.on_model("retry_model")[1]["code"] == "retry-not-possible"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"surprise": 1}, "surprise"),
        ({"model_id": "Bad"}, "model_id"),
        ({"model_id": "plan"}, "model_id"),
        ({"capacity": {"min": 2, "max": 1}}, "capacity"),
        ({"capacity": {"min": 0, "max": 1, "desired": 0}}, "capacity.desired"),
        ({"container": {"environment": {"LD_PRELOAD": "x"}}}, "container.environment"),
        ({"container": {"environment": {_START: "9" * 1000}}}, f"container.environment.{_START}"),
        ({"container": {"environment": {_START: "soon"}}}, f"container.environment.{_START}"),
        ({"container": {"environment": {"SLIPWAY_DRAIN_SECONDS": "0"}}}, "container.environment.SLIPWAY_DRAIN_SECONDS"),
        ({"container": {"health_check": {"command": ["/bin/sh;rm"]}}}, "container.health_check.command"),
        ({"engine": {"kind": "llama.cpp", "arguments": {"context_length": {"deep": [1]}}}}, "engine.arguments.context_length"),
        ({"description": "x" * 4096, "engine": {"kind": "mock", "arguments": {"text": "y" * 20_000}}}, "engine.arguments.text"),
    ],
)
def test_what_is_not_acceptable_is_refused_with_its_path(serving: Serving, changes: dict[str, Any], path: str) -> None:
    """422, and nothing is written."""
    status, body = serving.create(samples.hosted() | changes)
    assert status == 422
    assert path in [error["path"] for error in body["errors"]]
    views.Problem.validate_document(body)
    assert world.rows(TABLE) == {}


@pytest.mark.parametrize(
    "address",
    [
        "http://api.example.com/v1",
        "https://127.0.0.1/v1",
        "https://169.254.169.254/latest",
        "https://2852039166/v1",
        "https://0xa9fea9fe/v1",
        "https://0251.0376.0251.0376/v1",
        "https://127.1/v1",
        "https://10.0.0.1/v1",
        "https://[::1]/v1",
        "https://[::ffff:169.254.169.254]/v1",
        "https://[64:ff9b::a9fe:a9fe]/v1",
        "https://[2002:a9fe:a9fe::1]/v1",
        "https://[fd00:ec2::254]/v1",
        "https://localhost/v1",
        "https://8.8.8.8:99999/v1",
    ],
)
def test_an_address_inside_is_refused(serving: Serving, address: str) -> None:
    """In any spelling; an allow-listed host passes."""
    body = samples.provider(provider={"name": "openai", "model": "gpt", "api_base": address})
    status, problem = serving.create(body)
    assert (status, problem["errors"][0]["path"]) == (422, "provider.api_base")
    body["provider"]["api_base"] = "http://llm.internal:8080/v1"
    assert serving.create(body)[0] == 202


def test_the_timeline_tells_who_did_what_before_and_after(serving: Serving) -> None:
    """Oldest first or newest first, page by page, and still after the model is gone."""
    serving.in_service()
    status, body, _ = serving.http(
        "list_model_events", "GET", "/x", path_parameters={"model_id": samples.MODEL_ID}, query={"limit": "2", "order": "desc"}
    )
    views.Timeline.validate_document(body)
    assert status == 200
    newest = body["items"][0]
    assert (newest["event_type"], newest["actor"], newest["before"]["status"], newest["after"]["status"]) == (
        "ModelInService",
        "token:r",
        "Creating",
        "InService",
    )
    query = {"limit": "2", "order": "desc", "next_token": body["next_token"]}
    _, body, _ = serving.http("list_model_events", "GET", "/x", path_parameters={"model_id": samples.MODEL_ID}, query=query)
    assert [entry["event_type"] for entry in body["items"]] == ["ModelRequested"]
    assert body["items"][0]["before"] is None
    assert body["items"][0]["after"]["model"]["model_id"] == samples.MODEL_ID
    assert body["next_token"] is None
