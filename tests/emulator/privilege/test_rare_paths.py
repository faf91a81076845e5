"""What happens seldom is made to happen: facts that nobody heard, commands that overtake others, alarms that were lost, hosts that go.

Each function does it as its own role. What no test of the suite needs is not granted, or `unused.yaml` says why.
"""

import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.platform import Platform, Started, eventually
from tests.emulator.faults.injection import Injection
from tests.emulator.faults.patient import Patient

SWEEPS = {
    "ServingModelTable": "ServingSweepModelsFunction",
    "RoutingRouteTable": "RoutingSweepRoutesFunction",
    "AccessTokenTable": "AccessSweepTokensFunction",
    "RegistryVersionTable": "RegistrySweepVersionsFunction",
}
NEVER_BEGUN = [{"action": "states:StartExecution", "caller": "*ServingOnModel*", "code": "ThrottlingException"}]
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@pytest.fixture(scope="module")
def models(started: Started) -> Iterator[Patient]:
    """A client, and models in service of which each gets another trouble; all are gone afterwards."""
    platform, client = started.platform, Patient(started.platform)
    names = ("rare-update", "rare-stopping")
    wanted = [client.command("POST", "/models", platform.parrot(name)) for name in names]
    for operation in wanted:
        client.ended(operation, "Succeeded")
    yield client
    for model in platform.call("GET", "/models?limit=200").json["items"]:
        if model["model_id"].startswith("rare-"):
            platform.settled(platform.call("DELETE", f"/models/{model['model_id']}"))


def invoke(platform: Platform, function: str, payload: dict[str, Any] | None = None, kind: str = "RequestResponse") -> Any:
    """Call a function by its logical id."""
    answer = platform.aws("lambda").invoke(
        FunctionName=platform.physical(function), Payload=json.dumps(payload or {}).encode(), InvocationType=kind
    )
    return answer["Payload"].read()


def rewritten(platform: Platform, operation_id: str, **fields: str) -> None:
    """Set fields of an operation's document, as if time had passed over it."""
    table, rows = platform.physical("ServingModelTable"), platform.aws("dynamodb")
    key = {"pk": {"S": f"OPERATION#{operation_id}"}, "sk": {"S": "OPERATION"}}
    document = json.loads(rows.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]["document"]["S"])
    rows.update_item(
        TableName=table, Key=key, UpdateExpression="SET document = :after",
        ExpressionAttributeValues={":after": {"S": json.dumps(document | fields)}},
    )  # fmt: skip


def ago(**time: float) -> str:
    """A moment of the past, as rows have it."""
    return f"{datetime.now(UTC) - timedelta(**time):%Y-%m-%dT%H:%M:%S.000Z}"


@pytest.mark.parametrize("table", SWEEPS)
def test_a_fact_that_nobody_heard_is_told_by_the_sweep(platform: Platform, models: Patient, table: str) -> None:
    """The marker of a fact that the stream has lost is there again; the sweep tells the fact and takes the marker away."""
    rows, name = platform.aws("dynamodb"), platform.physical(table)
    row = next(row for row in platform.rows(table) if row["sk"]["S"].startswith("LEDGER#"))
    pk, sk = row["pk"]["S"], row["sk"]["S"]
    marker = {"pk": {"S": f"OUTBOX#{zlib.crc32(pk.encode()) % 4}"}, "sk": {"S": json.loads(row["document"]["S"])["metadata"]["id"]}}
    rows.put_item(TableName=name, Item=marker | {"document": {"S": json.dumps({"pk": pk, "sk": sk})}})

    def told() -> bool:
        invoke(platform, SWEEPS[table])
        return "Item" not in rows.get_item(TableName=name, Key=marker, ConsistentRead=True)

    eventually(told, "the sweep tells it")
    assert models.again == 0


def test_a_stop_gives_way_to_a_deletion_and_to_a_start(platform: Platform, models: Patient) -> None:
    """A stop that has not ended is ended by the deletion that comes after it, and by the start that takes it back."""
    for name in ("rare-c", "rare-d"):
        models.done("POST", "/models", platform.parrot(name))
    with Injection(platform, [NEVER_BEGUN[0] | {"caller": "*StopRequested*"}], "superseded"):
        stopping = [models.command("POST", f"/models/{name}/stop") for name in ("rare-c", "rare-d")]
        assert models.call("POST", f"/operations/{stopping[0]}/cancel").status == 202
        models.done("DELETE", "/models/rare-d")
    eventually(lambda: models.call("GET", "/models/rare-c").json["status"] == "InService", "the stop is taken back")


def test_an_alarm_that_was_lost_is_set_again(platform: Platform, models: Patient) -> None:
    """Nothing but the sweep knows of it; a schedule that goes with its model leaves no alarm."""
    opens, closes = (f"{datetime.now(UTC) + timedelta(hours=hours):%H:%M}" for hours in (-4, 4))
    models.done("POST", "/models", platform.parrot("rare-alarm"))
    window = {"days": DAYS, "opens": opens, "closes": closes}
    models.done("PUT", "/models/rare-alarm/schedule", {"time_zone": "UTC", "windows": [window]})
    scheduler, group = platform.aws("scheduler"), platform.physical("ServingAlarms")

    def alarms() -> list[str]:
        found = scheduler.list_schedules(GroupName=group)["Schedules"]
        return [one["Name"] for one in found if one["Name"].startswith("rare-alarm")]

    (name,) = eventually(alarms, "the alarm is set")
    scheduler.delete_schedule(GroupName=group, Name=name)

    def again() -> list[str]:
        invoke(platform, "ServingSweepModelsFunction")
        return alarms()

    assert eventually(again, "the sweep has set it again") == [name]
    models.done("DELETE", "/models/rare-alarm")
    eventually(lambda: not alarms(), "no alarm is left")


def test_a_host_that_goes_is_looked_for(platform: Platform) -> None:
    """EC2 tells of every instance of the account; one that ECS does not know is nobody's business."""
    detail = {"instance-id": "i-0123456789abcdef0", "instance-action": "terminate"}
    event = {"id": "e" * 8, "source": "aws.ec2", "detail-type": "EC2 Spot Instance Interruption Warning", "detail": detail}
    invoke(platform, "ServingOnEngineHostInterruptedFunction", event, "Event")
    assert json.loads(invoke(platform, "ServingOnEngineHostInterruptedFunction", event)) in (None, {}, 0)


def test_lists_are_read_by_those_who_may(platform: Platform, models: Patient) -> None:
    """Tokens, versions, a timeline and the audit, whole and of one model."""
    paths = ["/tokens", "/models/rare-update/versions", "/models/rare-update/events", "/audit", "/audit?model_id=rare-update"]
    assert [(path, reply.status) for path in paths if (reply := models.call("GET", path)).status != 200] == []
    token, version = models.call("GET", "/tokens").json["items"][0], models.call("GET", paths[1]).json["items"][0]
    assert models.call("GET", f"/tokens/{token['token_id']}").status == 200
    assert models.call("GET", f"{paths[1]}/{version['version']}").status == 200
