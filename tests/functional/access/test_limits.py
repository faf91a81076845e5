"""Limits over the wire: set, read, listed, removed, what routers are told of it, and what is shown of their spending."""

import json
import time
from importlib import import_module
from typing import Any

import pytest

from contracts.limits import BudgetThresholdCrossed, LimitsChanged, LimitsList, LimitsState, SubjectLimits
from contracts.spending import Account, Claim, outbox_of, partition_of, renew, window_of
from kit.aws import client
from tests.fabric.crash import watching
from tests.fabric.wire import Context, stream_event
from tests.fabric.world import create_table, images, ledger, rows
from tests.functional.access.conftest import ADMIN, ALICE, House

KEEPER = {"subject": "oidc:keeper", "kind": "oidc", "groups": [], "scopes": ["limits:write"]}
WISH = {"requests_per_minute": 60, "budgets": [{"period": "month", "usd": 250.5}, {"period": "day", "tokens": 1000}]}


def ask(house: House, do: str, kind: str = "group", name: str = "research", caller: Any = KEEPER, **more: Any) -> dict[str, Any]:
    """One of the four requests about limits."""
    method = {"set_limits": "PUT", "read_limits": "GET", "list_limits": "GET", "remove_limits": "DELETE"}[do]
    if do == "list_limits":
        return house.call(do, method, "/limits", caller, **more)
    parameters = {"subject_kind": kind, "subject_id": name}
    return house.call(do, method, f"/limits/{kind}/{name}", caller, path_parameters=parameters, **more)


def spend(kind: str, name: str, period: Any, used: tuple[int, int, int], granted: tuple[int, int, int]) -> None:
    """Write down what a router has spent and leased, as it would."""
    window = window_of(period, time.time())
    account, _ = renew(Account(), "r1.1", Claim(used, granted), (None, None, None), int(time.time()), expires_at=int(time.time()) + 300)
    item = {"pk": {"S": partition_of(kind, name)}, "sk": {"S": window.sk}, "document": {"S": account.text()}, "revision": {"N": "1"}}
    client("dynamodb").put_item(TableName="spend", Item=item)


def test_limits_live_from_setting_to_removal(house: House) -> None:
    """200 with the generation as ETag, read alike, gone; the ledger tells both, and the table no longer holds them."""
    answer = ask(house, "set_limits", body=WISH)
    assert answer["statusCode"] == 200
    limits = SubjectLimits.validate_document(answer["json"])
    assert (limits.generation, limits.updated_by, answer["headers"]["etag"]) == (1, "oidc:keeper", '"1"')
    state = LimitsState.validate_document(ask(house, "read_limits")["json"])
    assert [(each.unit, each.budget, each.spent, each.left) for each in state.periods] == [
        ("usd", 250.5, 0, 250.5),
        ("tokens", 1000, 0, 1000),
    ]
    assert ask(house, "remove_limits")["json"] == limits.document()
    assert ask(house, "read_limits")["json"]["code"] == "limits-not-found"
    first, second = ledger("tokens")
    assert LimitsChanged.validate_document(first["data"]).limits == limits
    assert LimitsChanged.validate_document(second["data"]).limits is None
    assert second["data"]["generation"] == 2
    assert not [sk for _, sk in rows("tokens") if sk.startswith("LIMIT#")]


def test_the_generation_rises_over_a_removal(house: House) -> None:
    """What routers hold of before can never be taken for newer than what was set anew."""
    ask(house, "set_limits", body=WISH)
    ask(house, "remove_limits")
    assert ask(house, "set_limits", body=WISH)["json"]["generation"] == 3


def test_a_stale_writer_is_refused(house: House) -> None:
    """If-Match with another generation: 412, and nothing is written; also where there is nothing yet, or no longer."""
    assert ask(house, "set_limits", body=WISH, headers={"if-match": '"4"'})["statusCode"] == 412
    ask(house, "set_limits", body=WISH)
    assert ask(house, "set_limits", body={}, headers={"if-match": '"7"'})["json"]["code"] == "generation-stale"
    assert ask(house, "remove_limits", headers={"if-match": '"7"'})["statusCode"] == 412
    assert ask(house, "set_limits", body={"concurrency": 2}, headers={"if-match": '"1"'})["json"]["generation"] == 2
    assert len(ledger("tokens")) == 2


def test_the_same_request_twice_happens_once(house: House) -> None:
    """One key, one change, one answer; the same key with another wish is refused."""
    answers = [ask(house, "set_limits", body=WISH, headers={"idempotency-key": "k"}) for _ in range(2)]
    assert answers[0]["json"] == answers[1]["json"]
    assert ask(house, "set_limits", body={}, headers={"idempotency-key": "k"})["json"]["code"] == "idempotency-key-reused"
    removals = [ask(house, "remove_limits", headers={"idempotency-key": "r"}) for _ in range(2)]
    assert [each["statusCode"] for each in removals] == [200, 200]
    assert len(ledger("tokens")) == 2


def test_only_keepers_of_limits_are_answered(house: House) -> None:
    """The scope is asked for at all four; administrators have it."""
    for do in ("set_limits", "read_limits", "list_limits", "remove_limits"):
        assert ask(house, do, caller=ALICE, body=WISH)["json"]["code"] == "scope-missing"
    assert ask(house, "set_limits", caller=ADMIN, body=WISH)["statusCode"] == 200


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        ("team", "research", "limits-not-found"),
        ("model", "Not A Model", "limits-not-found"),
        ("token", "a" * 16, "token-not-found"),
        ("group", "x" * 129, "limits-not-found"),
    ],
)
def test_what_cannot_have_limits_has_none(house: House, kind: str, name: str, code: str) -> None:
    """404 for kinds and ids that are none, and for a token that was never issued."""
    answer = ask(house, "set_limits", kind, name, body=WISH)
    assert (answer["statusCode"], answer["json"]["code"]) == (404, code)


@pytest.mark.parametrize(
    "wish",
    [
        {"requests_per_minute": 0},
        {"budgets": [{"period": "week", "tokens": 1}]},
        {"budgets": [{"period": "day", "tokens": 1, "usd": 1}]},
        {"budgets": [{"period": "day"}]},
        {"budgets": [{"period": "day", "usd": 0.0000001}]},
        {"budgets": [{"period": "day", "usd": 1}, {"period": "day", "usd": 2}]},
        {"budgets": [{"period": "day", "usd": -1}]},
        {"prices": {"input_usd": 1, "output_usd": 1}},
        {"unheard_of": 1},
    ],
)
def test_unreasonable_limits_are_refused(house: House, wish: dict[str, Any]) -> None:
    """422, and nothing is written; prices belong to models alone."""
    assert ask(house, "set_limits", body=wish)["statusCode"] == 422
    assert not images("tokens")


def test_lists_go_on_where_the_page_ended(house: House) -> None:
    """By kind and id, of one kind or of all; a token to go on with counts for its own question only."""
    for kind, name in (("model", "parrot"), ("group", "research"), ("group", "sales")):
        ask(house, "set_limits", kind, name, body={"concurrency": 1})
    first = LimitsList.validate_document(ask(house, "list_limits", query={"limit": "2"})["json"])
    rest = ask(house, "list_limits", query={"limit": "2", "next_token": first.next_token})["json"]
    assert [each.key for each in first.items] == ["group#research", "group#sales"]
    assert [each["subject_id"] for each in rest["items"]] == ["parrot"]
    assert rest["next_token"] is None
    assert [each["kind"] for each in ask(house, "list_limits", query={"kind": "model"})["json"]["items"]] == ["model"]
    assert ask(house, "list_limits", query={"kind": "model", "next_token": first.next_token})["statusCode"] == 422


def test_what_routers_spent_and_leased_is_shown(house: House) -> None:
    """Money as dollars, what is leased apart from what is spent, and nothing left below zero."""
    ask(house, "set_limits", body=WISH)
    spend("group", "research", "month", (0, 0, 100_250_000), (0, 0, 110_000_000))
    spend("group", "research", "day", (0, 900, 0), (0, 1200, 0))
    month, day = LimitsState.validate_document(ask(house, "read_limits")["json"]).periods
    assert (month.spent, month.reserved, month.left) == (100.25, 9.75, 140.5)
    assert (day.spent, day.reserved, day.left) == (900, 300, 0)


def test_a_crossing_that_a_router_recorded_is_told_and_its_marker_forgotten(house: House) -> None:
    """The row's event goes to the bus as it was recorded; the sweep finds what the stream has lost, in this table too."""
    document = _crossing()
    pk, sk = partition_of("group", "research"), "LEDGER#DAY#2026-01-01#tokens#50"
    put = client("dynamodb").put_item
    event = document["metadata"]["id"]
    put(TableName="spend", Item={"pk": {"S": pk}, "sk": {"S": sk}, "document": {"S": json.dumps(document)}, "event_id": {"S": event}})
    marker = {"pk": {"S": outbox_of(pk)}, "sk": {"S": event}, "document": {"S": json.dumps({"pk": pk, "sk": sk})}}
    put(TableName="spend", Item=marker)
    sweep = import_module("functions.access.sweep_tokens.handler").handler
    assert sweep({}, Context())["announced"] == 1
    assert not [key for key in rows("spend") if key[0].startswith("OUTBOX#")]
    [image] = [each for each in images("spend") if each["sk"]["S"] == sk]
    announce = import_module("functions.access.announce_spend_changes.handler").handler
    with watching() as watch:
        assert announce(stream_event([image]), Context()) == {"batchItemFailures": []}
    ([entry],) = [call.parameters["Entries"] for call in watch.of("PutEvents")]
    told = json.loads(entry["Detail"])
    assert (entry["DetailType"], told["data"]) == ("BudgetThresholdCrossed", document["data"])
    assert {name: told["metadata"][name] for name in document["metadata"]} == document["metadata"]


def _crossing() -> dict[str, Any]:
    data = BudgetThresholdCrossed(
        kind="group",
        subject_id="research",
        period="day",
        starts_at="2026-01-01T00:00:00.000Z",
        ends_at="2026-01-02T00:00:00.000Z",
        unit="tokens",
        threshold=50,
        budget=1000,
        spent=500,
    ).document()
    metadata = {
        "id": "01KDWBFKR0A1B2C3D4E5F6G7H8",
        "version": "1.0",
        "occurred_at": "2026-01-01T00:00:00.000Z",
        "producer": "access",
        "environment": "test",
        "correlation_id": "spend:group/research",
        "causation_id": None,
        "actor": "router/r1",
    }
    return {"event_type": "BudgetThresholdCrossed", "metadata": metadata, "data": data, "before": None, "after": None, "revision": 1}


def test_the_spend_table_is_needed_by_nobody_else(house: House) -> None:
    """Limits are set, listed and removed while what is spent cannot be read; only reading says so."""
    client("dynamodb").delete_table(TableName="spend")
    try:
        assert ask(house, "set_limits", body=WISH)["statusCode"] == 200
        assert ask(house, "list_limits")["statusCode"] == 200
        assert ask(house, "read_limits")["statusCode"] == 500
        assert ask(house, "remove_limits")["statusCode"] == 200
    finally:
        create_table("spend")
