"""The life of a model after its creation: transitions and time of each operation, answers lost meanwhile, how quickly routes follow ECS."""

import json
from datetime import datetime
from http import HTTPStatus
from typing import Any

from bench.measure import Figure
from tests.e2e.platform import Platform, Reply, eventually
from tests.e2e.steady import SteadyClients

_MACHINES = {"create": "Provision", "start": "Provision", "update": "Update", "stop": "Stop", "delete": "Retire"}
_MODEL = "bench-life"
_COPIES = 2  # with one to stop there must be another to answer
_CHANGES: dict[str, dict[str, Any]] = {
    "hot": {"description": "hot"},
    "rolling, one more": {"capacity": {"max": 2, "desired": 2}},
    "rolling, one fewer": {"capacity": {"desired": 1}},
    "restart by surge": {"container": {"shared_memory_mib": 128}},
}


def life(platform: Platform, rounds: int) -> list[Figure]:
    """Every kind of operation `rounds` times, on one model of the mock engine with clients that never pause."""
    times: dict[str, list[float]] = {}
    transitions: dict[str, set[float]] = {}
    lost: dict[str, list[float]] = {}
    reactions: list[float] = []

    def note(name: str, operation: dict[str, Any]) -> None:
        if operation["status"] != "Succeeded":
            raise SystemExit(f"{name}: {operation['status']}, {operation['reason']}")
        took = datetime.fromisoformat(operation["ended_at"]) - datetime.fromisoformat(operation["created_at"])
        times.setdefault(name, []).append(took.total_seconds())
        transitions.setdefault(name, set()).add(float(_transitions(platform, operation)))

    note("create", platform.settled(platform.call("POST", "/models", platform.parrot(_MODEL, tokens_per_second=50))))
    platform.answers(_MODEL)
    for number in range(rounds):
        for name, changes in _CHANGES.items():
            with SteadyClients(platform, _MODEL, count=3) as clients:
                clients.wait_for(3)
                note(name, platform.settled(_change(platform, _varied(changes, number))))
                clients.wait_for(3)
            lost.setdefault(name, []).append(float(len(clients.lost)))
            if name == "rolling, one more":
                reactions.append(_reaction(platform))
        note("stop", platform.settled(platform.call("POST", f"/models/{_MODEL}/stop")))
        note("start", platform.settled(platform.call("POST", f"/models/{_MODEL}/start")))
        platform.answers(_MODEL)
    note("delete", platform.settled(platform.call("DELETE", f"/models/{_MODEL}")))
    limits = {"create": 12.0}
    return [
        *(Figure(f"{name}: accepted → ended", "s", tuple(took)) for name, took in times.items()),
        *(Figure(f"{name}: state transitions", "", tuple(sorted(seen)), limits.get(name, 8.0), True) for name, seen in transitions.items()),
        *(Figure(f"{name}: answers lost under three steady clients", "", tuple(seen), 0.0, True) for name, seen in lost.items()),
        Figure("ECS says that a task stops → the route has let go of it", "s", tuple(reactions), goal=1.0),
    ]


def _change(platform: Platform, changes: dict[str, Any]) -> Reply:
    reply = platform.call("PATCH", f"/models/{_MODEL}", changes)
    if reply.status == HTTPStatus.CONFLICT and "acknowledge" in reply.json:
        reply = platform.call("PATCH", f"/models/{_MODEL}", changes | {"acknowledge": reply.json["acknowledge"]})
    return reply


def _varied(changes: dict[str, Any], number: int) -> dict[str, Any]:
    """The same change with another value, so that each round has something to do."""
    text = json.dumps(changes).replace('"hot"', f'"hot {number}"').replace("128", str(128 + number))
    varied: dict[str, Any] = json.loads(text)
    return varied


def _reaction(platform: Platform) -> float:
    """Stop one of two tasks behind the control plane's back, and see when the route's row no longer sends requests there."""
    ecs, cluster = platform.aws("ecs"), platform.values["CLUSTER_NAME"]
    arn = platform.tasks_of(_MODEL)[0]
    target = arn.rsplit("/", 1)[-1]
    ecs.stop_task(cluster=cluster, task=arn, reason="bench")
    eventually(lambda: not _takes_requests(platform, target), "the route lets go")
    stopping: datetime = ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]["stoppingAt"]
    moment = min(moment for moment, ready in _routes(platform) if moment >= stopping and target not in ready)
    eventually(lambda: platform.call("GET", f"/models/{_MODEL}").json["capacity"]["running"] == _COPIES, "ECS has replaced the task")
    eventually(lambda: len(_ready(platform)) == _COPIES, "both answer")
    return (moment - stopping).total_seconds()


def _ready(platform: Platform) -> set[str]:
    return {target["target_id"] for target in platform.route_of(_MODEL)["targets"] if target["status"] == "ready"}


def _takes_requests(platform: Platform, target: str) -> bool:
    return target in _ready(platform)


def _routes(platform: Platform) -> list[tuple[datetime, set[str]]]:
    found = []
    for row in platform.rows("RoutingRouteTable"):
        if row["sk"]["S"].startswith("LEDGER#"):
            entry = json.loads(row["document"]["S"])
            if entry["event_type"] == "RouteChanged" and entry["data"]["model_id"] == _MODEL and entry["data"]["route"]:
                ready = {target["target_id"] for target in entry["data"]["route"]["targets"] if target["status"] == "ready"}
                found.append((datetime.fromisoformat(entry["metadata"]["occurred_at"]), ready))
    return found


def _transitions(platform: Platform, operation: dict[str, Any]) -> int:
    """States that the execution entered: what Step Functions bills."""
    machine = platform.physical(f"Serving{_MACHINES[operation['kind']]}ModelStateMachine")
    execution = machine.replace(":stateMachine:", ":execution:") + f":{operation['operation_id']}"
    pages = platform.aws("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=execution)
    return sum(event["type"].endswith("StateEntered") for page in pages for event in page["events"])
