"""Preconditions and repetition of commands that are good in themselves."""

from collections.abc import Iterator

import pytest

from tests.e2e.platform import Platform, Started


@pytest.fixture(scope="module")
def one(started: Started) -> Iterator[Platform]:
    """A model called one, asked for under the key one-1, and in service."""
    platform = started.platform
    platform.settled(platform.call("POST", "/models", platform.parrot("one"), Idempotency_Key="one-1"))
    yield platform
    platform.settled(platform.call("DELETE", "/models/one"))


def test_a_key_with_another_body_is_refused(one: Platform) -> None:
    """The same Idempotency-Key with another wish answers 409 and creates nothing."""
    reply = one.call("POST", "/models", one.parrot("another"), Idempotency_Key="one-1")
    assert (reply.status, reply.json["code"]) == (409, "idempotency-key-reused")
    assert one.call("GET", "/models/another").status == 404


def test_an_id_that_is_taken_is_refused(one: Platform) -> None:
    """A second wish under the same id answers 409."""
    reply = one.call("POST", "/models", one.parrot("one"), Idempotency_Key="one-2")
    assert (reply.status, reply.json["code"]) == (409, "model-exists")


def test_the_etag_is_the_generation_to_send_back(one: Platform) -> None:
    """What GET answers as ETag is what If-Match takes; any other generation is stale."""
    read = one.call("GET", "/models/one")
    assert read.headers["etag"] == f'"{read.json["generation"]}"'
    assert one.call("DELETE", "/models/one", If_Match='"77"').status == 412
    assert one.call("GET", "/models/one").json["status"] == "InService"


def test_lists_are_paged_and_filtered(one: Platform) -> None:
    """Pages of one lead through all models once; a prefix and a status choose among them."""
    seen, token = [], ""
    while True:
        page = one.call("GET", f"/models?limit=1{token}").json
        seen += [model["model_id"] for model in page["items"]]
        if page["next_token"] is None:
            break
        token = f"&next_token={page['next_token']}"
    assert seen == sorted(set(seen))
    assert {"one", "smollm2-135m"} <= set(seen)
    assert [model["model_id"] for model in one.call("GET", "/models?prefix=on").json["items"]] == ["one"]
    assert "one" not in [model["model_id"] for model in one.call("GET", "/models?status=Failed").json["items"]]
