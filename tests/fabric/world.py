"""A small AWS in the process (moto): tables of our one shape, a bus, and ways to look at what became of them."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest.mock import patch

from moto import mock_aws

from kit.aws import client
from tests.fabric.moto_shortcuts import shortcuts

REGION = "eu-west-1"
_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "ENVIRONMENT": "test",
    "BUS_NAME": "bus",
    "POWERTOOLS_TRACE_DISABLED": "true",
}
_CHANGING = (
    (re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}\b"), "<ulid>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<moment>"),
)


@contextmanager
def small_aws(environment: Mapping[str, str]) -> Iterator[None]:
    """A fresh AWS with a bus, and this environment in every function's eyes. Clients are kept: making them is what takes time."""
    with patch.dict("os.environ", {**_ENVIRONMENT, **environment}), mock_aws(), shortcuts():
        client("events").create_event_bus(Name="bus")
        yield


def forget(wiring: ModuleType) -> None:
    """Make the next call compose its use case anew, as a new process would."""
    rooms = [module for name, module in sys.modules.items() if f"{name}.".startswith(f"{wiring.__name__}.")]
    for room in rooms:
        for item in vars(room).values():
            if getattr(item, "__module__", None) == room.__name__ and hasattr(item, "cache_clear"):
                item.cache_clear()


def create_table(name: str) -> None:
    """A table of our one shape, as the template makes it."""
    text: Any = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "collection", "sort_key")]
    client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=text,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "collection",
                "KeySchema": [{"AttributeName": "collection", "KeyType": "HASH"}, {"AttributeName": "sort_key", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )


def images(table: str) -> list[dict[str, Any]]:
    """Every row in DynamoDB JSON, by key."""
    items = client("dynamodb").scan(TableName=table)["Items"]
    return sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def rows(table: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Every row's document by key."""
    return {(item["pk"]["S"], item["sk"]["S"]): json.loads(item["document"]["S"]) for item in images(table)}


def ledger(table: str) -> list[dict[str, Any]]:
    """Every recorded fact, in the order of its partition."""
    return [document for (_, sk), document in sorted(rows(table).items()) if sk.startswith("LEDGER#")]


def told(table: str) -> list[str]:
    """The names of the recorded facts."""
    return [document["event_type"] for document in ledger(table)]


def settled(table: str) -> list[Any]:
    """The whole table with what differs between two equal runs (ids, moments, TTLs) made equal, for comparing worlds."""
    seen = []
    for item in images(table):
        item.pop("expires_at", None)
        text = json.dumps({name: next(iter(value.values())) for name, value in item.items()}, sort_keys=True)
        for pattern, stand_in in _CHANGING:
            text = pattern.sub(stand_in, text)
        seen.append(json.loads(text))
    return sorted(seen, key=lambda row: json.dumps(row, sort_keys=True))
