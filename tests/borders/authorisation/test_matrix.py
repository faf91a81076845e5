"""Who gets what: every principal at every operation of the API's document, about things of theirs, of others, gone, unknown and misspelt.

What is expected follows from one table with an entry for every operation: a route without one fails here.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from contracts.api import ROUTES, ApiRoute
from tests.borders.authorisation.principals import PRINCIPALS, Principal, Principals
from tests.borders.estate import OFFICE_HOURS, Estate
from tests.borders.gateway import Reply
from tests.evidence import counted
from tests.functional.serving import samples

Owner = Literal["research", "sales", "gone", "unknown", "misspelt", "none"]
THINGS: tuple[Owner, ...] = ("research", "sales", "gone", "unknown", "misspelt")
_REQUEST = re.compile(r"request-\d+")


@dataclass(frozen=True)
class Asked:
    """One operation as the matrix asks it: what it is about, the same thing of either group, its body, and what success is.

    `missing`: the code for a thing that is not there. `outlives`: still answered when the model is gone; `ended`: refused then, and why.
    """

    about: Literal["model", "operation", "token", "nothing", "body"]
    research: str = ""
    sales: str = ""
    missing: str = "model-not-found"
    success: int = 200
    body: Any = None
    outlives: bool = False
    ended: str | None = None


TABLE = {
    "create_model": Asked("body", success=202, body=samples.hosted("fresh")),
    "list_models": Asked("nothing"),
    "plan_model": Asked("model", "off", "theirs-off", body={"model_id": "{model_id}", "changes": {"description": "x"}}),
    "list_instances": Asked("nothing"),
    "read_model": Asked("model", "off", "theirs-off"),
    "update_model": Asked("model", "off", "theirs-off", success=202, body={"description": "x"}),
    "start_model": Asked("model", "off", "theirs-off", success=202),
    "stop_model": Asked("model", "up", "theirs", success=202),
    "delete_model": Asked("model", "off", "theirs-off", success=202),
    "set_schedule": Asked("model", "off", "theirs-off", success=202, body=OFFICE_HOURS),
    "read_schedule": Asked("model", "up", "theirs"),
    "remove_schedule": Asked("model", "up", "theirs", success=202),
    "set_traffic": Asked("model", "up", "theirs", body={"versions": []}),
    "read_traffic": Asked("model", "up", "theirs"),
    "retry_model": Asked("model", "broken", "theirs-broken", success=202),
    "list_model_users": Asked("model", "up", "theirs"),
    "add_model_user": Asked("model", "off", "theirs-off", body={"name": "x"}),
    "remove_model_user": Asked("model", "up", "theirs"),
    "list_model_events": Asked("model", "off", "theirs-off", outlives=True),
    "list_versions": Asked("model", "up", "theirs"),
    "read_version": Asked("model", "up", "theirs"),
    "read_operation": Asked("operation", "new", "theirs-new", missing="operation-not-found"),
    "cancel_operation": Asked("operation", "new", "theirs-new", missing="operation-not-found", success=202, ended="operation-ended"),
    "read_audit": Asked("nothing"),
    "read_usage": Asked("nothing"),
    "issue_token": Asked("body", success=201, body={"name": "n", "groups": ["research"], "scopes": ["inference"]}),
    "list_tokens": Asked("nothing"),
    "read_token": Asked("token", "writers", "strangers", missing="token-not-found"),
    "revoke_token": Asked("token", "writers", "strangers", missing="token-not-found"),
    "set_limits": Asked("nothing", body={"concurrency": 4}),
    "read_limits": Asked("nothing"),
    "list_limits": Asked("nothing"),
    "remove_limits": Asked("nothing"),
    "read_api_document": Asked("nothing"),
}
"""By the operation's id."""

_ADMIN = next(one for one in PRINCIPALS if one.name == "admin")
each = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.function)


def test_every_operation_has_its_row() -> None:
    """A new route is in the matrix, or this fails."""
    assert set(TABLE) == {route.operation_name for route in ROUTES}


@each
def test_everybody_gets_what_is_theirs_and_nothing_else(principals: Principals, home: Estate, route: ApiRoute) -> None:
    """Each cell is answered as the table says; nothing of the answer to what is another's differs from the answer to what never was."""
    asked, cells = TABLE[route.operation_name], 0
    for one in PRINCIPALS:
        hidden = set()
        for owner in ("none",) if asked.about in {"nothing", "body"} else THINGS:
            reply = _ask(principals, home, route, asked, one, owner)
            expected = _expected(route, asked, one, owner)
            assert (reply.status, _code(reply)) == expected, f"{one.name} asks {route.function} about {owner}: {reply.body!r}"
            if expected[0] == 404:
                hidden.add(_without(reply, _named(home, asked, owner)))
            cells += 1
        assert len(hidden) <= 1, f"{one.name} at {route.function}: {hidden}"
    assert home.gateway.raised == []
    counted("authorisation_cells", cells, operation=route.function)


@pytest.mark.parametrize("one", [one for one in PRINCIPALS if one.holds("models:read") and not one.is_admin], ids=lambda one: one.name)
def test_lists_show_nothing_of_others(principals: Principals, home: Estate, one: Principal) -> None:
    """Models by any filter, and every page of them, are the caller's own; without a filter they are all of those."""
    every = [(item["model_id"], item["allowed_groups"][0]) for item in _pages(principals, home, _ADMIN, "/models", "")]
    shown = {item["model_id"] for item in _pages(principals, home, one, "/models", "")}
    assert shown == {model_id for model_id, group in every if one.sees(model_id, group)}
    for query in ("group=sales", "group=research", "limit=1", "prefix=t", "order=desc", "tag=team"):
        for item in _pages(principals, home, one, "/models", query):
            assert one.sees(item["model_id"], item["allowed_groups"][0])
    counted("authorisation_cells", 7, operation="list_models")


@pytest.mark.parametrize("one", [one for one in PRINCIPALS if one.holds("tokens:write") and not one.is_admin], ids=lambda one: one.name)
def test_tokens_listed_are_those_that_the_caller_issued(principals: Principals, home: Estate, one: Principal) -> None:
    """Nobody's but their own."""
    items = list(_pages(principals, home, one, "/tokens", "limit=1"))
    assert {item["created_by"] for item in items} <= {f"token:{home.token_id(one.name)}"}
    assert len(items) == {"writer": 1, "other-writer": 1}.get(one.name, 0)


def test_what_fits_anothers_model_is_not_told(principals: Principals, home: Estate) -> None:
    """`fits_model` tells a model of others from one that never was no more than reading it does."""
    answers = {name: _send(principals, home, "writer", "GET", "/instances", f"fits_model={name}") for name in ("theirs", "never-was")}
    assert {(reply.status, _code(reply)) for reply in answers.values()} == {(404, "model-not-found")}
    assert len({_without(reply, name) for name, reply in answers.items()}) == 1


def _ask(principals: Principals, home: Estate, route: ApiRoute, asked: Asked, one: Principal, owner: Owner) -> Reply:
    path, named = route.path, _named(home, asked, owner)
    for variable in ("model_id", "operation_id", "token_id"):
        path = path.replace(f"{{{variable}}}", named)
    body = b"" if asked.body is None else json.dumps(asked.body).replace("{model_id}", named).encode()
    for variable, value in {"version": home.version, **home.user, **home.limited}.items():
        path = path.replace(f"{{{variable}}}", value)
    reply = _send(principals, home, one.name, route.method, path, body=body)
    if route.method != "GET":
        home.restore()
    return reply


def _send(principals: Principals, home: Estate, name: str, method: str, path: str, query: str = "", body: bytes = b"") -> Reply:
    credential = principals.headers[name]
    headers = [("content-type", "application/json")] + ([("authorization", credential)] if credential else [])
    return home.gateway.send(method, path, query=query, headers=headers, body=body)


def _pages(principals: Principals, home: Estate, one: Principal, path: str, query: str) -> Iterator[dict[str, Any]]:
    following: str | None = ""
    while following is not None:
        page = _send(principals, home, one.name, "GET", path, f"{query}&next_token={following}" if following else query).json()
        yield from page["items"]
        following = page["next_token"]


def _named(home: Estate, asked: Asked, owner: Owner) -> str:
    """The id of the thing that a request is about."""
    known = {"research": asked.research, "sales": asked.sales, "misspelt": asked.research, "gone": "gone"}.get(owner)
    if asked.about == "operation":
        found = home.operations.get(known or "", "01KAHV5X3V8Q4T1N6F2R7C9B0D")
        return found.lower() if owner == "misspelt" else found
    if asked.about == "token":
        found = home.token_id(known) if known and known != "gone" else "a" * 16 if known else "b" * 16
        return found.upper() if owner == "misspelt" else found
    return (known or "never-was").upper() if owner == "misspelt" else known or "never-was"


def _expected(route: ApiRoute, asked: Asked, one: Principal, owner: Owner) -> tuple[int, str | None]:
    """Status, and the problem's code."""
    if route.scope is None:
        return 200, None
    if one.refused:
        return one.refused, None
    if not one.holds(route.scope):
        return 403, "scope-missing"
    if asked.about == "body":
        return _granted(route, asked, one)
    if owner == "misspelt" and asked.body and "{model_id}" in json.dumps(asked.body):
        return 422, "validation-failed"  # a body is held against its contract first; a path is only looked for
    if not _is_there(asked, one, owner):
        return 404, asked.missing
    return (409, asked.ended) if asked.ended and owner == "gone" else (asked.success, None)


def _granted(route: ApiRoute, asked: Asked, one: Principal) -> tuple[int, str | None]:
    """Commands that name a group in their body: nobody gives what they do not have."""
    if route.function == "issue_token" and not one.holds("inference"):
        return 403, "scope-missing"
    return (asked.success, None) if one.is_admin or "research" in one.groups else (403, "group-not-yours")


def _is_there(asked: Asked, one: Principal, owner: Owner) -> bool:
    """Whether what a request is about exists for the caller."""
    if asked.about == "nothing":
        return True
    if asked.about == "token":
        return owner in {"research", "sales"} and (one.is_admin or one.name == {"research": "writer", "sales": "other-writer"}[owner])
    if owner == "gone":
        return (asked.outlives or asked.about == "operation") and one.sees("gone", "research")
    return owner in {"research", "sales"} and one.sees(asked.research if owner == "research" else asked.sales, owner)


def _without(reply: Reply, named: str) -> str:
    """The body without what the request itself said, and without its number."""
    return _REQUEST.sub("…", reply.body.decode()).replace(named, "…")


def _code(reply: Reply) -> str | None:
    return reply.json().get("code") if reply.headers["content-type"] == "application/problem+json" else None
