"""Who is not in a model's groups does not know that it exists, on either side."""

from collections.abc import Iterator

import pytest

from tests.e2e.platform import Platform, Started, eventually

SCOPES = ["models:read", "models:write", "inference"]


@pytest.fixture(scope="module")
def red(started: Started) -> Iterator[Platform]:
    """A model for the group red only, in service."""
    platform = started.platform
    wish = platform.parrot("red-only", ["red"]) | {"aliases": ["Acme/Red-1.0"]}
    assert platform.settled(platform.call("POST", "/models", wish))["status"] == "Succeeded"
    yield platform
    platform.settled(platform.call("DELETE", "/models/red-only"))


def test_members_see_and_call_it(red: Platform) -> None:
    """A token of the group sees the model in both lists and gets an answer."""
    token = red.issue("a red one", ["red"], SCOPES)
    eventually(lambda: "red-only" in red.visible(token), "the router has the route", seconds=10)
    assert red.ask("red-only", token=token).status == 200
    assert red.call("GET", "/models/red-only", token=token).status == 200


def test_others_do_not_know_it(red: Platform) -> None:
    """A token of another group gets 404 everywhere, and no list names the model."""
    token = red.issue("a blue one", ["blue"], SCOPES)
    eventually(lambda: red.visible(token) is not None, "the router knows the token")
    assert "red-only" not in red.visible(token)
    assert red.ask("red-only", token=token).status == 404
    for method, path in (("GET", ""), ("GET", "/events"), ("GET", "/versions"), ("DELETE", ""), ("POST", "/retry")):
        assert red.call(method, f"/models/red-only{path}", token=token).status == 404, (method, path)
    assert red.call("GET", "/models", token=token).json["items"] == []


def test_an_alias_opens_nothing_and_belongs_to_one_model(red: Platform) -> None:
    """Members ask by it; for others it does not exist; no other model gets it, until it is given up."""
    token, blue = red.issue("a red one", ["red"], SCOPES), red.issue("a blue one", ["blue"], SCOPES)
    eventually(lambda: "Acme/Red-1.0" in red.visible(token), "the router has the route", seconds=10)
    assert red.ask("Acme/Red-1.0", token=token).status == 200
    assert "Acme/Red-1.0" not in red.visible(blue)
    assert red.ask("Acme/Red-1.0", token=blue).status == 404
    taken = red.call("POST", "/models", red.parrot("blue-only", ["blue"]) | {"aliases": ["Acme/Red-1.0"]})
    assert (taken.status, taken.json["errors"][0]["code"]) == (422, "name-taken")
    assert red.settled(red.change("red-only", {"aliases": []}))["status"] == "Succeeded"
    eventually(lambda: red.ask("Acme/Red-1.0", token=token).status == 404, "the router has let go of the name", seconds=10)


def test_a_revoked_token_is_refused_on_both_sides(red: Platform) -> None:
    """From its revocation on, the API refuses at once and the router within moments."""
    token = red.issue("a short-lived one", ["red"], SCOPES)
    assert red.call("DELETE", f"/tokens/{token.split('_')[1]}").status == 200
    assert red.call("GET", "/models", token=token).status == 403
    eventually(lambda: red.ask("red-only", token=token).status == 401, "the router refuses it", seconds=10)
