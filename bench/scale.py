"""How long lists and timelines take where there is much of everything, beside where there is little, on one platform in one run."""

import json
import time
from collections.abc import Iterator
from typing import Any

from bench.measure import Figure
from tests.e2e.platform import Platform

_LITTLE = 100
_PER_WRITE = 25
_SAMPLES = 20
_LONG = "bench-long"  # the model whose timeline is read


def scale(platform: Platform, models: int, entries: int) -> list[Figure]:
    """Latency with 100 models and 100 ledger entries, then with `models` and `entries`; as ratios of medians.

    The rows are copies of a real model's, written behind the functions' backs, with the table's stream unheard and no
    sweep: nobody shall announce them, or see to them.
    """
    _stop_listening(platform)
    rows = list(platform.rows("ServingModelTable"))
    model = next(row for row in rows if row["sk"]["S"] == "MODEL")
    entry = next(row for row in rows if row["sk"]["S"].startswith("LEDGER#"))
    _write(platform, _models(model, 0, _LITTLE))
    _write(platform, _entries(entry, 1, _LITTLE))
    little = _latencies(platform)
    _write(platform, _models(model, _LITTLE, models))
    _write(platform, _entries(entry, _LITTLE + 1, entries))
    much = _latencies(platform)
    figures = []
    for name in little:
        few, many = Figure(name, "ms", little[name]), Figure(name, "ms", much[name])
        ratio = many.percentile(0.5) / few.percentile(0.5)
        figures += [
            Figure(f"{name}: {_LITTLE} models, {_LITTLE} entries", "ms", few.samples),
            Figure(f"{name}: {models} models, {entries} entries", "ms", many.samples),
            Figure(f"{name}: ratio of the medians", "ratio", (ratio,), 1.5),
        ]
    return figures


def _stop_listening(platform: Platform) -> None:
    functions = platform.aws("lambda")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        if ":dynamodb:" in mapping["EventSourceArn"]:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    schedules = platform.aws("scheduler")
    for schedule in schedules.list_schedules()["Schedules"]:  # sweeps would look at every model once a minute
        schedules.delete_schedule(Name=schedule["Name"], GroupName=schedule["GroupName"])


def _latencies(platform: Platform) -> dict[str, tuple[float, ...]]:
    asked = {
        "GET /models": "/models?limit=50",
        "GET /models, by prefix": "/models?limit=50&prefix=bench-000",
        "GET /models/{id}/events": f"/models/{_LONG}/events?limit=50",
        "GET /models/{id}/events, newest first": f"/models/{_LONG}/events?limit=50&order=desc",
    }
    return {name: tuple(_times(platform, path)) for name, path in asked.items()}


def _times(platform: Platform, path: str) -> Iterator[float]:
    platform.call("GET", path)  # a warm function in both cases
    for _ in range(_SAMPLES):
        began = time.perf_counter()
        reply = platform.call("GET", path)
        if not reply.json.get("items"):
            raise SystemExit(f"GET {path} answers nothing: {reply.text[:300]}")
        yield (time.perf_counter() - began) * 1000


def _models(row: dict[str, Any], first: int, beyond: int) -> Iterator[dict[str, Any]]:
    names = [f"bench-{number:06d}" for number in range(first, beyond)]
    for name in [*names, *([_LONG] if first == 0 else [])]:
        document = json.loads(row["document"]["S"]) | {"model_id": name}
        document["spec"] = document["spec"] | {"model_id": name}
        yield row | {"pk": {"S": f"MODEL#{name}"}, "sort_key": {"S": name}, "document": {"S": json.dumps(document)}}


def _entries(row: dict[str, Any], first: int, last: int) -> Iterator[dict[str, Any]]:
    """All of them in one model's timeline: the longest that there can be of so many."""
    document = json.loads(row["document"]["S"])
    for number in range(first, last + 1):
        told = {"S": json.dumps(document | {"revision": number})}
        yield row | {"pk": {"S": f"MODEL#{_LONG}"}, "sk": {"S": f"LEDGER#{number:012d}"}, "document": told}


def _write(platform: Platform, rows: Iterator[dict[str, Any]]) -> None:
    table, name = platform.aws("dynamodb"), platform.physical("ServingModelTable")
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append({"PutRequest": {"Item": row}})
        if len(batch) == _PER_WRITE:
            table.batch_write_item(RequestItems={name: batch})
            batch = []
    if batch:
        table.batch_write_item(RequestItems={name: batch})
