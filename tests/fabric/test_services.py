"""The small fakes answer as moto's services do."""

import random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.evidence import counted
from tests.fabric.asl import StateMachines
from tests.fabric.aws.boundary import ACCOUNT, REGION
from tests.fabric.aws.cluster import Cluster
from tests.fabric.aws.dynamodb import DynamoDb
from tests.fabric.aws.ecs import Ecs
from tests.fabric.aws.errors import NotFaked
from tests.fabric.aws.small import Buckets, Secrets
from tests.fabric.clock import VirtualClock
from tests.fabric.delivery.agenda import Ground, Outcome
from tests.fabric.delivery.bus import Bus
from tests.fabric.delivery.invocations import Invocations
from tests.fabric.delivery.schedules import Schedules
from tests.fabric.pairs import pair
from tests.fabric.stepfunctions import StepFunctionsApi
from tests.fabric.topology import topology

_BUCKET = "slipway-artifacts"


def ground(clock: VirtualClock | None = None) -> Ground:
    """Something to stand on, whose functions all succeed."""
    return Ground(clock or VirtualClock(), random.Random(0), lambda *_, **__: Outcome(), lambda *_: None, lambda _: None)


def test_objects_are_found_listed_and_missed_alike() -> None:
    """S3: whole objects, ranges, ranges beyond the end, keys and buckets that are not there, another owner's bucket."""
    fake = Buckets()
    fake.put(_BUCKET, "m/1/manifest.json", b"{}")
    fake.put(_BUCKET, "m/1/model.gguf", b"0123456789")

    def body(answer: Any) -> bytes:
        found: bytes = answer["Body"].read()
        return found

    with pair("s3", fake) as two:
        two.theirs.create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        for key in ("m/1/manifest.json", "m/1/model.gguf"):
            two.theirs.put_object(Bucket=_BUCKET, Key=key, Body=fake.objects[_BUCKET][key])
        asked: list[dict[str, Any]] = [
            {"Bucket": _BUCKET, "Key": "m/1/model.gguf"},
            {"Bucket": _BUCKET, "Key": "m/1/model.gguf", "Range": "bytes=2-4"},
            {"Bucket": _BUCKET, "Key": "m/1/model.gguf", "Range": "bytes=0-400"},
            {"Bucket": _BUCKET, "Key": "m/1/model.gguf", "Range": "bytes=40-50"},
            {"Bucket": _BUCKET, "Key": "nothing"},
            {"Bucket": "nobodys", "Key": "nothing"},
        ]
        for one in asked:
            two.both("get_object", body, **one)
        for prefix in ("m/1/", "m/", "n/"):
            two.both("list_objects_v2", lambda a: [(o["Key"], o["Size"]) for o in a.get("Contents", ())], Bucket=_BUCKET, Prefix=prefix)
    with pytest.raises(ClientError, match="Denied"):
        fake.call("GetObject", {"Bucket": _BUCKET, "Key": "x", "ExpectedBucketOwner": "999999999999"})
    counted("calls_compared_with_moto", 9, service="s3")


def test_secrets_are_read_alike() -> None:
    """Secrets Manager: a secret that is there, and one that is not."""
    fake = Secrets()
    with pair("secretsmanager", fake) as two:
        arn = two.theirs.create_secret(Name="pepper", SecretString="salt")["ARN"]
        fake.values[arn] = "salt"
        assert two.both("get_secret_value", lambda a: a["SecretString"], SecretId=arn) == "salt"
        two.both("get_secret_value", SecretId=arn.replace("pepper", "other"))
    counted("calls_compared_with_moto", 2, service="secretsmanager")


def test_alarms_are_set_changed_listed_and_removed_alike() -> None:
    """EventBridge Scheduler: create, create again, read, update, list, delete, delete again; and a group that is not there."""
    given = ground()
    fake = Schedules(given, topology(), Invocations(given, topology()), ("alarms",))
    target = {"Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f", "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r", "Input": "{}"}
    wanted: dict[str, Any] = {
        "Name": "m1",
        "GroupName": "alarms",
        "ScheduleExpression": "at(2030-01-01T08:00:00)",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
    }
    with pair("scheduler", fake) as two:
        two.theirs.create_schedule_group(Name="alarms")

        def listed() -> None:
            two.both("list_schedules", lambda a: sorted(s["Name"] for s in a["Schedules"]), GroupName="alarms", MaxResults=100)

        for operation in ("create_schedule", "create_schedule"):
            two.both(operation, **wanted)
        two.both("create_schedule", **wanted | {"Name": "m1."})
        listed()
        two.both("update_schedule", **wanted | {"ScheduleExpression": "at(2031-01-01T08:00:00)"})
        two.both("get_schedule", lambda a: a["ScheduleExpression"], Name="m1", GroupName="alarms")
        two.both("update_schedule", **wanted | {"Name": "m2"})
        for name in ("m1", "m1", "m1."):
            two.both("delete_schedule", Name=name, GroupName="alarms")
        listed()
    with pytest.raises(ClientError, match="group nobodys does not exist"):  # moto has no answer to that
        fake.call("CreateSchedule", wanted | {"GroupName": "nobodys"})
    counted("calls_compared_with_moto", 11, service="scheduler")


def test_events_are_taken_or_refused_alike() -> None:
    """PutEvents: an entry that is fine, one without a source, one whose detail is no JSON, eleven at once."""
    fake = Bus(ground(), topology(), lambda *_: None)
    good = {"Source": "slipway.serving", "DetailType": "ModelRequested", "Detail": "{}"}

    def codes(answer: Any) -> tuple[int, list[str | None]]:
        return answer["FailedEntryCount"], [entry.get("ErrorCode") for entry in answer["Entries"]]

    with pair("events", fake) as two:
        two.both("put_events", codes, Entries=[good])
        two.both("put_events", codes, Entries=[good, {**good, "Detail": "{"}])
        two.both("put_events", codes, Entries=[good] * 11)
    assert codes(fake.call("PutEvents", {"Entries": [{**good, "Source": ""}]})) == (1, ["InvalidArgument"])
    assert codes(fake.call("PutEvents", {"Entries": [{**good, "EventBusName": "nobodys"}]})) == (0, [None])  # swallowed without a word
    counted("calls_compared_with_moto", 3, service="events")


def test_executions_are_started_asked_for_and_missed_alike() -> None:
    """Step Functions: start, start again under the same name with the same and with another input, describe, stop, and unknown names."""
    definition = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 100, "End": True}}}
    fake = StepFunctionsApi(StateMachines({"m": definition}, lambda *_: None))

    class Api:
        def call(self, operation: str, given: Any) -> dict[str, Any]:
            return fake.call(operation, given)

    arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:m"
    execution = arn.replace(":stateMachine:", ":execution:") + ":one"
    with pair("stepfunctions", Api()) as two:
        two.theirs.create_state_machine(name="m", definition="{}", roleArn=f"arn:aws:iam::{ACCOUNT}:role/r")
        two.both("start_execution", lambda a: a["executionArn"], stateMachineArn=arn, name="one", input="{}")
        two.both("start_execution", stateMachineArn=arn, name="one", input='{"a": 1}')
        two.both("describe_execution", lambda a: a["status"], executionArn=execution)
        two.both("describe_execution", executionArn=execution + "x")
        two.both("stop_execution", executionArn=execution)
        two.both("describe_execution", lambda a: a["status"], executionArn=execution)
    counted("calls_compared_with_moto", 6, service="stepfunctions")


def test_a_call_that_nobody_has_faked_ends_the_run() -> None:
    """It must not pass for a refusal of AWS's, which a function would survive."""
    with pytest.raises(NotFaked, match="RunTask"):
        Ecs(Cluster(VirtualClock(), random.Random(1), lambda *_: None)).call("RunTask", {})
    with pytest.raises(NotFaked, match="UpdateItem"):
        DynamoDb(lambda: 0.0, lambda _: None).call("UpdateItem", {})
    assert not issubclass(NotFaked, Exception)
