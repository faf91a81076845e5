"""From the 202 to a model in service, with the mock engine through the whole running platform, one model after the other."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench.measure import Figure
from tests.e2e.platform import Platform, send


@dataclass(frozen=True)
class Create:
    """One model's way into service. Durations in seconds, from the platform's own records."""

    total: float
    engine: float
    opening: float
    transitions: int


def creates(platform: Platform, count: int) -> list[Figure]:
    """Create and delete `count` models; the first meets cold functions."""
    runs = [_one(platform, f"bench-{number}") for number in range(count)]
    return [
        Figure("202 → ModelInService", "s", tuple(run.total for run in runs)),
        Figure("… of which the engine's own start (task running → ready)", "s", tuple(run.engine for run in runs)),
        Figure("202 → ModelInService less the engine's start", "s", tuple(run.total - run.engine for run in runs), goal=1.5),
        Figure("engine ready → route open", "s", tuple(run.opening for run in runs), goal=1.0),
        Figure("state transitions of a create", "", tuple(float(run.transitions) for run in runs), goal=12),
    ]


def _one(platform: Platform, model_id: str) -> Create:
    operation = platform.settled(platform.call("POST", "/models", platform.parrot(model_id)))
    if operation["status"] != "Succeeded":
        raise SystemExit(f"{model_id} did not come into service: {operation['reason']}")
    timeline = platform.call("GET", f"/models/{model_id}/events").json["items"]
    moments = {entry["event_type"]: datetime.fromisoformat(entry["occurred_at"]) for entry in timeline}
    ready = _engine_ready(platform, model_id)
    opened = min(moment for state, moment in _route_changes(platform, model_id) if state == "open")
    made = Create(
        total=(moments["ModelInService"] - moments["ModelRequested"]).total_seconds(),
        engine=(ready - _task_started(platform, model_id)).total_seconds(),
        opening=(opened - ready).total_seconds(),
        transitions=_transitions(platform, operation["operation_id"]),
    )
    platform.settled(platform.call("DELETE", f"/models/{model_id}"))
    return made


def _engine_ready(platform: Platform, model_id: str) -> datetime:
    """When the supervisor said that the engine answers: the beginning of its present phase."""
    target = platform.route_of(model_id)["targets"][0]
    status = send("GET", f"http://{target['address']}:{target['port']}/status").json
    if status["phase"] != "ready":
        raise SystemExit(f"{model_id}'s engine is {status['phase']}")
    return datetime.fromisoformat(status["since"])


def _task_started(platform: Platform, model_id: str) -> datetime:
    ecs, cluster = platform.aws("ecs"), platform.values["CLUSTER_NAME"]
    task = ecs.describe_tasks(cluster=cluster, tasks=platform.tasks_of(model_id))["tasks"][0]
    started: datetime = task["startedAt"]
    return started


def _route_changes(platform: Platform, model_id: str) -> Iterator[tuple[str, datetime]]:
    for row in platform.rows("RoutingRouteTable"):
        if row["sk"]["S"].startswith("LEDGER#"):
            entry: dict[str, Any] = json.loads(row["document"]["S"])
            if entry["event_type"] == "RouteChanged" and entry["data"]["model_id"] == model_id:
                yield entry["data"]["state"], datetime.fromisoformat(entry["metadata"]["occurred_at"])


def _transitions(platform: Platform, operation_id: str) -> int:
    """States that the execution entered: what Step Functions bills."""
    machine = platform.physical("ServingProvisionModelStateMachine")
    execution = machine.replace(":stateMachine:", ":execution:") + f":{operation_id}"
    pages = platform.aws("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=execution)
    return sum(event["type"].endswith("StateEntered") for page in pages for event in page["events"])
