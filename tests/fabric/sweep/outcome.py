"""What became of everything, without what may differ between two runs of which one was disturbed: ids, moments, durations, revisions."""

import json
import re
from collections import Counter
from typing import Any

from tests.fabric.matrix.oracle import differences, doubled, lost
from tests.fabric.platform import Fabric

_CHANGING = (
    (re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}\b"), "<ulid>"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"), "<moment>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<task>"),
    (re.compile(r"\b[a-z2-7]{16}\b"), "<token>"),
    (re.compile(r"\b10\.60\.\d+\.\d+\b"), "<address>"),
)
_BY_CHANCE = {
    "edition",  # counts writes under an optimistic lock, also repeated ones
    "revision",  # likewise, of routes
    "salt",
    "digest",  # of secrets and keys that are new in every run
    "pepper_id",
    "start_seconds",  # measured
    "caused_by",  # of two words that say the same, either may come first
    "caused_by_type",
    "leader",  # of several copies, the one that told of its progress last
    "deaths",  # a copy that nobody waits for any more may end before it is taken away, or after
    "failed_starts",
    "tasks",  # see `_alive`
    "expected_start_seconds",  # measured
}
_REPEATABLE = {
    "CapacityChanged": "told for each step of a task, some of which may be told at once",
    "RouteChanged": "told for each step of a route, likewise, and by the sweep to whoever seems not to have heard",
    "ModelDegraded": "what ends before it is noticed is not told",
    "ModelRecovered": "of what was not told to have begun, no end is told",
}
"""Facts of which there may be more or fewer, whose last word is in the rows; all others are recorded as often, and say the same, as
without any death."""


def outcome(fabric: Fabric, accepted: list[str]) -> dict[str, Any]:
    """Rows, facts, services, executions, alarms and dead letters; and whatever is wrong, which is nothing in a good run."""
    services = {name: one for name, one in fabric.ecs.services.items() if one.status == "ACTIVE"}
    definitions = [arn for arn, in_use in _definitions(fabric) if in_use]
    return {
        "rows": {table: _rows(fabric, table) for table in fabric.topology.tables if not table.startswith("Usage")},
        "used": sorted(_text(document) for (_, sk), document in fabric.rows("usage").items() if sk.startswith("USED#")),
        "facts": {table: _facts(fabric, table) for table in fabric.topology.tables},
        "told": _told(fabric),
        "services": {name: (one.desired, fabric.ecs.service_view(one)["runningCount"]) for name, one in sorted(services.items())},
        "left": len(fabric.ecs.left()),
        "definitions": sorted(definitions),
        "executions": dict(Counter(f"{one.machine} {one.status}" for one in fabric.machines.executions.values())),
        "alarms": sorted(name for alarms in fabric.schedules.alarms.values() for name in alarms),
        "dead letters": fabric.dead_letters(),
        "wrong": [_text(one) for one in (*differences(fabric), *lost(fabric, accepted), *doubled(fabric, accepted))],
    }


def _definitions(fabric: Fabric) -> list[tuple[str, bool]]:
    return [
        (family, any(one.get("status", "ACTIVE") == "ACTIVE" for one in definitions))
        for family, definitions in fabric.ecs.definitions.items()
    ]


def _rows(fabric: Fabric, table: str) -> list[str]:
    found = []
    for (pk, sk), document in fabric.rows(table).items():
        if sk.startswith("LEDGER#") or (sk.startswith("TASK#") and not _alive(fabric, sk.removeprefix("TASK#"))):
            continue
        row = {name: value for name, value in document.items() if name != "route"} if document.get("deleted") else document
        found.append(_text({"pk": pk, "sk": sk, "document": row}))
    return sorted(found)


def _alive(fabric: Fabric, task_id: str) -> bool:
    """Of tasks that are gone it matters that they are: in which of its last moments one was seen is chance."""
    task = fabric.ecs.tasks.get(task_id)
    return task is not None and task.last == "RUNNING" and task.desired == "RUNNING"


def _facts(fabric: Fabric, table: str) -> dict[str, int]:
    """How often each fact was recorded, or audited: by its name, who caused it, and all that it says of which model and generation."""
    facts = [document for document in fabric.rows(table).values() if document.get("event_type", "") not in {"", *_REPEATABLE}]
    return dict(Counter(f"{one['event_type']} by {_text(_actor(one))}: {_text(one['data'])}" for one in facts))


def _told(fabric: Fabric) -> list[str]:
    """What the bus was told that no ledger holds, by which it could be told again; each once, for its id tells whoever hears it twice."""
    events = (event["detail"] for event in fabric.bus.seen if event["detail-type"] == "UsageRecorded")
    return sorted({event["metadata"]["id"]: _text(event["data"]) for event in events}.values())


def _actor(fact: dict[str, Any]) -> str:
    return str(fact["metadata"]["actor"] if "metadata" in fact else fact["actor"])


def _text(value: Any) -> str:
    text = json.dumps(_clean(value), sort_keys=True)
    for pattern, stand_in in _CHANGING:
        text = pattern.sub(stand_in, text)
    return text


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items() if name not in _BY_CHANCE}
    if isinstance(value, list | tuple) and value and all(isinstance(item, dict) for item in value):
        return sorted((_clean(item) for item in value), key=_text)  # targets stand in the order of their ids
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def differing(expected: Any, seen: Any, path: str = "") -> list[str]:
    """Where two outcomes differ: a line for each place."""
    if isinstance(expected, dict) and isinstance(seen, dict):
        names = sorted(expected.keys() | seen.keys(), key=str)
        return [line for name in names for line in differing(expected.get(name), seen.get(name), f"{path}/{name}")]
    if path.startswith("/rows/") and isinstance(expected, list) and isinstance(seen, list):
        missing, more = Counter(expected) - Counter(seen), Counter(seen) - Counter(expected)
        return [f"{path} lacks {row}" for row in missing] + [f"{path} has {row}" for row in more]
    return [] if expected == seen else [f"{path} is {seen}, not {expected}"]
