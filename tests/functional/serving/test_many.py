"""Lists and timelines read what they show and one row more, however much there is beside it."""

import json
from typing import Any

import pytest

from kit.aws import client
from tests.fabric import world
from tests.fabric.crash import watching
from tests.functional.serving import samples
from tests.functional.serving.world import TABLE, Serving

_PAGE = 10
_MANY = 300


def _row(sk: str) -> dict[str, Any]:
    return next(item for item in world.images(TABLE) if item["sk"]["S"].startswith(sk))


def _fill(serving: Serving) -> None:
    """Many models, and many entries in the timeline of one of them."""
    serving.create()
    model, entry, table = _row("MODEL"), _row("LEDGER#"), client("dynamodb")
    for number in range(_MANY):
        name = f"m{number:04d}"
        document = json.loads(model["document"]["S"]) | {"model_id": name}
        document["spec"] |= {"model_id": name}
        keys = {"pk": {"S": f"MODEL#{name}"}, "sort_key": {"S": name}}
        table.put_item(TableName=TABLE, Item=model | keys | {"document": {"S": json.dumps(document)}})
        told = json.dumps(json.loads(entry["document"]["S"]) | {"revision": number + 2})
        table.put_item(TableName=TABLE, Item=entry | {"sk": {"S": f"LEDGER#{number + 2:012d}"}, "document": {"S": told}})


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ({}, "m0000"),
        ({"order": "desc"}, samples.MODEL_ID),
        ({"prefix": "m02"}, "m0200"),
        ({"prefix": "m02", "order": "desc"}, "m0299"),
    ],
)
def test_a_list_reads_a_page_however_many_there_are(serving: Serving, query: dict[str, str], first: str) -> None:
    """One call that reads no more than the longest page, also where the prefix lies far behind the beginning."""
    _fill(serving)
    with watching() as watch:
        _, body, _ = serving.http("list_models", "GET", "/models", query=query | {"limit": str(_PAGE)})
    assert (body["items"][0]["model_id"], len(body["items"])) == (first, _PAGE)
    (call,) = watch.of("Query")
    assert call.parameters["Limit"] <= 101


def test_pages_of_a_prefix_are_whole(serving: Serving) -> None:
    """Each model once, in both directions, page after page."""
    _fill(serving)
    for order in ("asc", "desc"):
        seen: list[str] = []
        query = {"prefix": "m01", "order": order, "limit": "30"}
        while True:
            body = serving.http("list_models", "GET", "/models", query=query)[1]
            seen += [item["model_id"] for item in body["items"]]
            if not body["next_token"]:
                break
            query["next_token"] = body["next_token"]
        expected = [f"m01{number:02d}" for number in range(100)]
        assert seen == (expected if order == "asc" else expected[::-1])


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_timeline_reads_a_page_however_long_it_is(serving: Serving, order: str) -> None:
    """As many rows as are shown, and one that says whether there are more."""
    _fill(serving)
    given = {"path_parameters": {"model_id": samples.MODEL_ID}, "query": {"limit": str(_PAGE), "order": order}}
    with watching() as watch:
        _, body, _ = serving.http("list_model_events", "GET", "/x", **given)
    assert len(body["items"]) == _PAGE
    (call,) = watch.of("Query")
    assert call.parameters["Limit"] == _PAGE + 1
