"""Models with schedules, and their alarms as EventBridge Scheduler keeps and rings them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from kit.aws import client
from tests.fabric import world
from tests.fabric.wire import http_event
from tests.functional.serving import samples
from tests.functional.serving.world import TABLE, Serving, own_event

WEEKDAYS = {"time_zone": "Europe/Berlin", "windows": [{"days": ["mon", "tue", "wed", "thu", "fri"], "opens": "08:00", "closes": "18:00"}]}
_GROUP = "alarms"
_GATHERED = {"ModelRequested", "ModelUpdated", "ModelInService", "ModelStopped", "ModelFailed", "ModelDeletionRequested"}
_DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def around_now(opens_hours: int, closes_hours: int) -> dict[str, Any]:
    """A daily schedule that opens and closes so many hours from now; for tests in which the machine's own clock runs."""
    opens, closes = (datetime.now(UTC) + timedelta(hours=hours) for hours in (opens_hours, closes_hours))
    return {"time_zone": "UTC", "windows": [{"days": _DAYS, "opens": f"{opens:%H:%M}", "closes": f"{closes:%H:%M}"}]}


def request(serving: Serving, function: str, method: str, *, model_id: str = samples.MODEL_ID, **more: Any) -> tuple[int, Any]:
    """One request about a model's schedule: status and body."""
    path = {"model_id": model_id}
    answer = serving.run(function, http_event(method, "/x", principal=samples.RESEARCHER, path_parameters=path, **more))
    return answer["statusCode"], json.loads(answer["body"])


def give(serving: Serving, schedule: dict[str, Any]) -> None:
    """The model in service gets a schedule, and is in service again."""
    status, body = request(serving, "set_schedule", "PUT", body=schedule)
    assert status == 202, body
    stand(serving, "InService")
    tell(serving)


def stand(serving: Serving, status: str, model_id: str = samples.MODEL_ID, **changes: Any) -> None:
    """The model stands so, with nothing under way: what brought it there is other tests' business."""
    document = serving.model(model_id) | {"status": status, "operation": None} | changes
    if document["route"]:
        document["route"] |= {"generation": document["generation"]}
    _rewrite(f"MODEL#{model_id}", "MODEL", document)


def settled_long_ago(model_id: str = samples.MODEL_ID) -> None:
    """Nothing was done about the schedule for many years: whatever boundary was last is due."""
    row = world.rows(TABLE)[f"MODEL#{model_id}", "SCHEDULE"]
    _rewrite(f"MODEL#{model_id}", "SCHEDULE", row | {"settled_until": "2001-01-01T00:00:00.000Z"})


def agenda(model_id: str = samples.MODEL_ID) -> dict[str, Any] | None:
    """The row of what was done about the schedule."""
    return world.rows(TABLE).get((f"MODEL#{model_id}", "SCHEDULE"))


def tell(serving: Serving) -> None:
    """Deliver every fact of every model to the function that sets alarms; those that it has had come again."""
    for fact in world.ledger(TABLE):
        if fact["event_type"] in _GATHERED:
            serving.run("arm_schedule", own_event(fact))


def alarms() -> dict[str, dict[str, Any]]:
    """What the scheduler holds, by name."""
    scheduler = client("scheduler")
    names = [item["Name"] for item in scheduler.list_schedules(GroupName=_GROUP)["Schedules"]]
    return {name: scheduler.get_schedule(GroupName=_GROUP, Name=name) for name in names}


def moments() -> dict[str, str]:
    """When which alarm rings (UTC)."""
    return {name: alarm["ScheduleExpression"].removeprefix("at(").removesuffix(")") for name, alarm in alarms().items()}


def ring(serving: Serving, now: datetime) -> dict[str, Any]:
    """Let the alarm that is due call its function, then remove it, as the scheduler does; what the function answered."""
    ((name, alarm),) = [(name, alarms()[name]) for name, moment in moments().items() if datetime.fromisoformat(moment + "Z") <= now]
    answer: dict[str, Any] = serving.run("apply_schedule", json.loads(alarm["Target"]["Input"]))
    client("scheduler").delete_schedule(GroupName=_GROUP, Name=name)
    return answer


def _rewrite(pk: str, sk: str, document: dict[str, Any]) -> None:
    table = client("dynamodb")
    item = next(item for item in world.images(TABLE) if (item["pk"]["S"], item["sk"]["S"]) == (pk, sk))
    table.put_item(TableName=TABLE, Item=item | {"document": {"S": json.dumps(document)}})
