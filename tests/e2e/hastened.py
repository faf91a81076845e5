"""How a test comes by what time would bring: functions called out of turn, rows set back in time."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.platform import Platform, eventually

SWEEP = "ServingSweepModelsFunction"
PAUSE_SECONDS = 2.0


def invoke(platform: Platform, function: str, payload: Mapping[str, Any] | None = None, kind: str = "RequestResponse") -> Any:
    """Call a function by its logical id; what it answers, undecoded. AssertionError where it failed."""
    answer = platform.aws("lambda").invoke(
        FunctionName=platform.physical(function), Payload=json.dumps(payload or {}).encode(), InvocationType=kind
    )
    body = answer["Payload"].read()
    assert "FunctionError" not in answer, f"{function}: {body!r}"
    return body


def ago(**time: float) -> str:
    """A moment of the past, as rows have it."""
    return f"{datetime.now(UTC) - timedelta(**time):%Y-%m-%dT%H:%M:%S.000Z}"


def rewritten(platform: Platform, operation_id: str, **fields: str) -> None:
    """Set fields of an operation's document, as if time had passed over it."""
    changed(platform, "OPERATION", operation_id, lambda document: document | fields)


def changed(platform: Platform, kind: str, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change the document of a MODEL or an OPERATION of serving's; again if somebody wrote meanwhile."""
    rows, table = platform.aws("dynamodb"), platform.physical("ServingModelTable")
    key = {"pk": {"S": f"{kind}#{name}"}, "sk": {"S": kind}}

    def written() -> bool:
        before = rows.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]["document"]["S"]
        values = {":before": {"S": before}, ":after": {"S": json.dumps(change(json.loads(before)))}}
        try:
            rows.update_item(
                TableName=table, Key=key, UpdateExpression="SET document = :after", ConditionExpression="document = :before",
                ExpressionAttributeValues=values,
            )  # fmt: skip
        except rows.exceptions.ConditionalCheckFailedException:
            return False
        return True

    eventually(written, f"{kind} {name} is changed")


def swept(platform: Platform, done: Callable[[], Any], what: str) -> Any:
    """What `done` answers once it is true, with serving's sweep called before each look: the scheduler does so once a minute."""

    def look() -> Any:
        invoke(platform, SWEEP)
        return done()

    return eventually(look, what)


@contextlib.contextmanager
def unswept(platform: Platform) -> Iterator[None]:
    """The scheduler does not call serving's sweep meanwhile: what nobody has set right stays as it is."""
    scheduler, whole = platform.aws("scheduler"), _schedule(platform, SWEEP)
    scheduler.update_schedule(**whole, State="DISABLED")
    try:
        yield
    finally:
        scheduler.update_schedule(**whole, State="ENABLED")


def due_now(platform: Platform, sweep: str) -> None:
    """Let the scheduler call a sweep once more, at once, as it else does every some minutes."""
    moment = f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})"
    once = {"Name": f"{sweep}-now", "ScheduleExpression": moment, "ActionAfterCompletion": "DELETE"}
    platform.aws("scheduler").create_schedule(**_schedule(platform, sweep) | once)


def _schedule(platform: Platform, sweep: str) -> dict[str, Any]:
    scheduler, group = platform.aws("scheduler"), platform.physical("Sweeps")
    found = [scheduler.get_schedule(GroupName=group, Name=each["Name"]) for each in scheduler.list_schedules(GroupName=group)["Schedules"]]
    (schedule,) = [each for each in found if platform.physical(sweep) in each["Target"]["Arn"]]
    return {name: schedule[name] for name in ("GroupName", "Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")}


@contextlib.contextmanager
def often_swept(platform: Platform) -> Iterator[None]:
    """Serving's sweep is called again two seconds after it has ended, and by nobody else; none may fail."""
    enough = threading.Event()

    def sweep() -> None:
        while not enough.is_set():
            invoke(platform, SWEEP)
            enough.wait(PAUSE_SECONDS)

    with unswept(platform), ThreadPoolExecutor(1) as thread:
        sweeping = thread.submit(sweep)
        try:
            yield
        finally:
            enough.set()
        sweeping.result()
