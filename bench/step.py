"""A load step: how long from the first request beyond a model's target until it is decided that there shall be more copies."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from bench.measure import Figure
from tests.e2e.platform import Platform, eventually

_STREAMS = 8
_TARGET = 2  # requests in flight per copy; more than a tenth above it is too much, which the third one is
_TOKENS, _TOKENS_PER_SECOND = 200, 10  # a stream lasts for twenty seconds: longer than any decision may take
_CAPACITY = {"min": 1, "max": 2, "desired": 1, "target": {"metric": "in_flight_per_task", "value": float(_TARGET)}}


def step(platform: Platform, rounds: int) -> list[Figure]:
    """`rounds` models of the mock engine, one after the other: each answers alone, then to eight streams at once."""
    decided, ready = [], []
    for number in range(rounds):
        name = f"bench-step-{number}"
        wish = platform.parrot(name, tokens_per_second=_TOKENS_PER_SECOND) | {"capacity": _CAPACITY}
        operation = platform.settled(platform.call("POST", "/models", wish))
        if operation["status"] != "Succeeded":
            raise SystemExit(f"{name}: {operation['status']}, {operation['reason']}")
        platform.answers(name)
        with _streams(platform, name) as beyond:
            eventually(lambda name=name: _decision(platform, name), f"{name} shall have more copies", 60)  # type: ignore[misc]
            eventually(lambda name=name: _copies(platform, name) == _CAPACITY["max"], f"{name} has them", 120)  # type: ignore[misc]
            ready.append((datetime.now(UTC) - beyond[_TARGET]).total_seconds())
        decided.append((datetime.fromisoformat(str(_decision(platform, name))) - beyond[_TARGET]).total_seconds())
        platform.settled(platform.call("DELETE", f"/models/{name}"))
    return [
        Figure(f"{_STREAMS} streams at once, {_TARGET} per copy wanted: first request beyond → CapacityChanged", "s", tuple(decided), 5.0),
        Figure("… → the second copy answers", "s", tuple(ready)),
    ]


@contextmanager
def _streams(platform: Platform, model_id: str) -> Iterator[list[datetime]]:
    """The moments at which the requests were sent, in order; the streams are broken off afterwards."""
    url = urlsplit(platform.values["OPENAI_BASE_URL"])
    body = json.dumps({"model": model_id, "messages": [{"role": "user", "content": "Go on."}], "max_tokens": _TOKENS, "stream": True})
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {platform.values['OPENAI_API_KEY']}"}
    connections = [http.client.HTTPConnection(url.hostname or "", url.port, timeout=60) for _ in range(_STREAMS)]
    sent = []
    for connection in connections:
        sent.append(datetime.now(UTC))
        connection.request("POST", f"{url.path}/chat/completions", body, headers)
    readers = [threading.Thread(target=_drain, args=(connection,), daemon=True) for connection in connections]
    for reader in readers:
        reader.start()
    try:
        yield sent
    finally:
        for connection in connections:
            connection.close()
        for reader in readers:
            reader.join(10)


def _drain(connection: http.client.HTTPConnection) -> None:
    try:
        connection.getresponse().read()
    except (OSError, ValueError, AttributeError, http.client.HTTPException):
        return  # broken off by us, or by the router: the decision is what counts


def _decision(platform: Platform, model_id: str) -> str | None:
    """When the first decision for more copies was recorded."""
    for entry in _timeline(platform, model_id):
        if entry["event_type"] == "CapacityChanged" and (entry["data"].get("decision") or {}) and entry["data"]["desired"] > 1:
            return str(entry["metadata"]["occurred_at"])
    return None


def _timeline(platform: Platform, model_id: str) -> Iterator[dict[str, Any]]:
    table = platform.aws("dynamodb")
    values = {":pk": {"S": f"MODEL#{model_id}"}, ":sk": {"S": "LEDGER#"}}
    condition = "pk = :pk AND begins_with(sk, :sk)"
    name = platform.physical("ServingModelTable")
    for page in table.get_paginator("query").paginate(
        TableName=name, KeyConditionExpression=condition, ExpressionAttributeValues=values, ConsistentRead=True
    ):
        yield from (json.loads(row["document"]["S"]) for row in page["Items"])


def _copies(platform: Platform, model_id: str) -> int:
    route = platform.route_of(model_id) or {"targets": []}
    return sum(target["status"] == "ready" for target in route["targets"])
