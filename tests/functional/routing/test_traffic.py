"""Shares of a model's traffic: set by people, read back, followed by routers."""

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pytest

from contracts.routing import RouteChanged
from contracts.traffic import Traffic
from tests.evidence import counted
from tests.fabric.wire import Context, http_event
from tests.fabric.world import ledger, rows
from tests.functional.routing.conftest import React
from tests.functional.routing.samples import MODEL_ID, capacity_changed, ended, health, stop_requested

ROUTE = ("ROUTES", f"ROUTE#{MODEL_ID}")
ADMIN = {"subject": "oidc:ada", "kind": "oidc", "groups": ["ops"], "scopes": ["admin"]}
SHARES = [{"version": "1.0.0", "weight": 9_500}, {"version": "1.1.0", "weight": 500}]


def _call(
    function: str, body: Any = None, who: Mapping[str, Any] = ADMIN, /, **headers: str
) -> tuple[int, dict[str, Any], Mapping[str, str]]:
    """Status, body, headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    method = "PUT" if function == "set_traffic" else "GET"
    path = f"/models/{MODEL_ID}/traffic"
    event = http_event(method, path, principal=who, body=body, headers=named, path_parameters={"model_id": MODEL_ID})
    answer = import_module(f"functions.routing.{function}.handler").handler(event, Context())
    return answer["statusCode"], json.loads(answer["body"]), {name.lower(): value for name, value in answer["headers"].items()}


def _set(versions: list[dict[str, Any]], **headers: str) -> tuple[int, dict[str, Any], Mapping[str, str]]:
    return _call("set_traffic", {"versions": versions}, **headers)


@pytest.fixture
def two(react: React) -> React:
    """A model with a ready copy of one version and a starting one of the next."""
    told = capacity_changed(1, ("task-1", "running"), ("task-2", "running"), desired=2)
    told["targets"][1]["version"] = "1.1.0"
    react("on_capacity_changed", "CapacityChanged", told, 1)
    react("on_route_health_observed", "RouteHealthObserved", health("ready"), 2, "routing")
    return react


def test_shares_are_set_and_read_back(two: React) -> None:
    """Exactly as given, in the row that routers follow and in the event; what each version has to answer with is counted beside them."""
    status, traffic, headers = _set(SHARES)
    assert (status, traffic["generation"], headers["etag"]) == (200, 3, '"3"')
    shown = [(each["version"], each["weight"], each["ready"], each["probing"]) for each in traffic["versions"]]
    assert shown == [("1.0.0", 9_500, 1, 0), ("1.1.0", 500, 0, 1)]
    assert _call("read_traffic")[1] == traffic == Traffic.validate_document(traffic).document()
    assert rows("routes")[ROUTE]["versions"] == SHARES
    told = RouteChanged.validate_document(ledger("routes")[-1]["data"])
    assert (told.revision, told.state, told.route and [share.weight for share in told.route.versions]) == (3, "open", [9_500, 500])
    assert ledger("routes")[-1]["metadata"]["actor"] == "oidc:ada"


def test_until_somebody_shares_it_targets_do(two: React) -> None:
    """So they do again after an empty list; the generation rises all the same."""
    before = _call("read_traffic")[1]
    assert (before["generation"], before["shared_by"]) == (0, "targets")
    assert [(each["version"], each["weight"]) for each in before["versions"]] == [("1.0.0", 10_000), ("1.1.0", 0)]
    _set(SHARES)
    after = _set([])[1]
    assert (after["generation"], after["shared_by"], after["versions"]) == (4, "targets", before["versions"])


def test_a_command_counts_once(two: React) -> None:
    """The same key is answered alike and writes nothing; with another body it is refused."""
    first = _set(SHARES, idempotency_key="k1")
    count = len(ledger("routes"))
    assert _set(SHARES, idempotency_key="k1") == first
    assert len(ledger("routes")) == count
    assert (_set([], idempotency_key="k1")[1]["code"], len(ledger("routes"))) == ("idempotency-key-reused", count)


def test_who_decided_by_what_was_before_is_told(two: React) -> None:
    """If-Match takes the traffic's own generation: what happens to targets meanwhile does not make it stale, other shares do."""
    tag = _set(SHARES)[2]["etag"]
    two("on_capacity_changed", "CapacityChanged", capacity_changed(1, ("task-1", "running"), desired=1), 5)
    assert _set([{"version": "1.0.0", "weight": 10_000}], if_match=tag)[0] == 200
    status, problem, _ = _set([{"version": "1.0.0", "weight": 10_000}], if_match=tag)
    assert (status, problem["code"]) == (412, "generation-stale")


@pytest.mark.parametrize(
    ("versions", "path"),
    [
        ([{"version": "1.0.0", "weight": 9_999}], "versions"),
        ([{"version": "1.0.0", "weight": 5_000}, {"version": "1.0.0", "weight": 5_000}], "versions"),
        ([{"version": "1.0.0", "weight": 10_001}], "versions[0].weight"),
        ([{"version": "1.0.0", "weight": 9_999.5}], "versions[0].weight"),
        ([{"version": "one", "weight": 10_000}], "versions[0].version"),
        ([{"version": "1.0.0", "weight": 9_000}, {"version": "3.0.0", "weight": 1_000}], "versions[1].version"),
    ],
)
def test_shares_that_cannot_be_are_refused(two: React, versions: list[dict[str, Any]], path: str) -> None:
    """More or less than the whole, a version twice, parts of parts, and traffic for what nothing serves; nothing is written."""
    count = len(ledger("routes"))
    status, problem, _ = _set(versions)
    assert (status, problem["code"], len(ledger("routes"))) == (422, "validation-failed", count)
    assert [error["path"] for error in problem["errors"]] == [path]


def test_a_version_may_be_named_before_it_is_served(two: React) -> None:
    """With no share: who pins it gets it once a target of it answers."""
    versions = [{"version": "1.0.0", "weight": 10_000}, {"version": "3.0.0", "weight": 0}]
    assert _set(versions)[1]["versions"][1] == {"version": "3.0.0", "weight": 0, "ready": 0, "probing": 0, "draining": 0}


@pytest.mark.parametrize("scopes", [["models:read"], ["inference"]])
def test_who_may_not_write_models_moves_no_traffic(two: React, scopes: list[str]) -> None:
    """Reading them is not enough."""
    who = {"subject": "token:a", "kind": "token", "groups": ["research"], "scopes": scopes}
    assert _call("set_traffic", {"versions": []}, who)[1]["code"] == "scope-missing"


def test_anothers_model_is_not_there(two: React) -> None:
    """As if it were not, for reading and writing."""
    who = {"subject": "token:a", "kind": "token", "groups": ["sales"], "scopes": ["models:read", "models:write"]}
    for function, body in (("set_traffic", {"versions": SHARES}), ("read_traffic", None)):
        status, problem, _ = _call(function, body, who)
        assert (status, problem["code"]) == (404, "model-not-found")


def test_shares_end_with_their_model(two: React) -> None:
    """A stop keeps them for the next start; a model that is being deleted takes no more; its successor begins without any."""
    _set(SHARES)
    two("on_model_stop_requested", "ModelStopRequested", stop_requested(2), 6)
    assert rows("routes")[ROUTE]["versions"] == SHARES
    two("on_model_deletion_requested", "ModelDeletionRequested", ended(3, hosting="hosted"), 7)
    assert (_set(SHARES)[0], _set(SHARES)[1]["code"]) == (409, "traffic-not-possible")
    two("on_model_deleted", "ModelDeleted", ended(3), 8)
    assert _call("read_traffic")[0] == 404
    two("on_capacity_changed", "CapacityChanged", capacity_changed(4, ("task-9", "running")), 9)
    assert (_call("read_traffic")[1]["generation"], rows("routes")[ROUTE]["versions"]) == (0, [])


def test_revisions_rise_by_one_whoever_writes(two: React) -> None:
    """People's shares and what serving and routers tell go through one head: no revision is left out, none is used twice."""
    for number in range(10, 30):
        weight = number * 100
        _set([{"version": "1.0.0", "weight": 10_000 - weight}, {"version": "1.1.0", "weight": weight}])
        told = capacity_changed(1, ("task-1", "running"), ("task-2", "running"), desired=number)
        told["targets"][1]["version"] = "1.1.0"
        two("on_capacity_changed", "CapacityChanged", told, number)
        assert sum(share["weight"] for share in rows("routes")[ROUTE]["versions"]) == 10_000
    revisions = [fact["data"]["revision"] for fact in ledger("routes")]
    assert revisions == list(range(1, len(revisions) + 1))
    counted("route_revisions", len(revisions))
