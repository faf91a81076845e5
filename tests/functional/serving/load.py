"""What tests of scaling, sleep and wake do to serving's world beside what all tests do."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from kit.aws import client
from kit.clock import iso
from serving.wiring import commands
from tests.fabric import world
from tests.fabric.wire import bus_event, envelope_of, queue_event
from tests.functional.serving import samples
from tests.functional.serving.world import TABLE, Serving

_OPERATION = "01KAHV5X3V8Q4T1N6F2R7C9B0D"
CAPACITY = {"min": 1, "max": 9, "desired": 1, "cooldown_seconds": 0, "instance_warmup_seconds": 0}


def moment(seconds: float = 0) -> str:
    """So many seconds from now."""
    return iso(datetime.now(UTC) + timedelta(seconds=seconds))


def observed(in_flight: int, *, router: str = "router-0", seconds: float = 0, **more: Any) -> dict[str, Any]:
    """Data of LoadObserved, as seen so many seconds from now."""
    told: dict[str, Any] = {
        "model_id": samples.MODEL_ID,
        "router_id": router,
        "observed_at": moment(seconds),
        "window_seconds": 2.0,
        "in_flight": in_flight,
        "requests": in_flight,
        "ready_targets": 1,
    }
    return told | more


def hear(serving: Serving, event_type: str, data: dict[str, Any], event_id: str | None = None) -> None:
    """Deliver another context's event through the queue of the function that reacts to it."""
    function = {"LoadObserved": "on_load_observed", "ModelWakeRequested": "on_model_wake_requested"}[event_type]
    event = serving.event(event_type, data, event_id=event_id)
    assert serving.run(function, queue_event([event])) == {"batchItemFailures": []}


def in_service(serving: Serving, **capacity: Any) -> str:
    """A hosted model in service with this capacity and one copy that answers; its ECS service's name."""
    _, accepted = serving.create(samples.hosted(capacity=CAPACITY | capacity))
    serving.pump()
    serving.hear("ModelVersionValidated", samples.validated(), within=accepted["operation_id"])
    service = str(serving.model()["deployments"][-1]["service"])
    serving.ecs(samples.task_event(service, "RUNNING", 3))
    serving.hear("RouteChanged", samples.route("open", 2))
    assert serving.model()["status"] == "InService"
    model(start_seconds=[42.0])  # the same in every world, however quick it was
    count(running=1)
    announce()
    return service


def count(*, running: int) -> None:
    """Let ECS count so many running tasks: the small AWS starts none by itself."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.ecs import ecs_backends

    for found in ecs_backends[DEFAULT_ACCOUNT_ID][world.REGION].services.values():
        found.running_count, found.pending_count = running, 0


def announce() -> None:
    """Forget the outbox's markers, as the stream would have done."""
    for pk, sk in world.rows(TABLE):
        if pk.startswith("OUTBOX#"):
            client("dynamodb").delete_item(TableName=TABLE, Key={"pk": {"S": pk}, "sk": {"S": sk}})


def desired(service: str) -> int:
    """ECS's count."""
    (found,) = client("ecs").describe_services(cluster="cluster", services=[service])["services"]
    return int(found["desiredCount"])


def traffic() -> dict[str, Any]:
    """The row of what routers told."""
    return world.rows(TABLE)[f"MODEL#{samples.MODEL_ID}", "LOAD"]


def change(sk: str, rewrite: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Write a row of the model anew, as if it had been so."""
    (item,) = [item for item in world.images(TABLE) if (item["pk"]["S"], item["sk"]["S"]) == (f"MODEL#{samples.MODEL_ID}", sk)]
    document = rewrite(json.loads(item["document"]["S"]))
    client("dynamodb").put_item(TableName=TABLE, Item=item | {"document": {"S": json.dumps(document)}})


def model(**fields: Any) -> None:
    """Give the aggregate's row these fields."""
    change("MODEL", lambda document: document | fields)


def opened(seconds_ago: float) -> None:
    """Let the route have been open for so long."""

    def rewrite(document: dict[str, Any]) -> dict[str, Any]:
        since = {"since": moment(-seconds_ago)}
        return document | {"conditions": [c | since if c["type"] == "RouteOpen" else c for c in document["conditions"]]}

    change("MODEL", rewrite)


def earlier(seconds: float) -> None:
    """Let everything in the row of the traffic have been so much earlier."""

    def shift(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: shift(item) for name, item in value.items()}
        if isinstance(value, list):
            return [shift(item) for item in value]
        if isinstance(value, str) and value.endswith("Z"):
            return iso(datetime.fromisoformat(value) - timedelta(seconds=seconds))
        return value

    change("LOAD", shift)


def asleep() -> None:
    """Let the model have been put to sleep, under its second generation."""
    model(status="Stopped", asleep=True, operation=None, deployments=[], tasks=[], generation=2)


def fall_asleep(serving: Serving, kind: Literal["sleep", "stop"] = "sleep") -> None:
    """Let the platform have asked a model in service to leave it."""
    assert commands.stop_model().by_platform(samples.MODEL_ID, kind, "autoscaler", None)
    assert serving.model()["generation"] == 2


def wake(generation: int = 2) -> dict[str, Any]:
    """Data of ModelWakeRequested."""
    return {"model_id": samples.MODEL_ID, "generation": generation, "router_id": "router-0", "requested_at": moment()}


def stopped(serving: Serving) -> dict[str, Any]:
    """The ModelStopped of a model that has fallen asleep."""
    told = {"model_id": samples.MODEL_ID, "generation": serving.model()["generation"], "operation_id": _OPERATION, "asleep": True}
    return bus_event(envelope_of("ModelStopped", told))
