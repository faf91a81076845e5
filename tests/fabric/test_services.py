"""The small fakes answer as moto's services do, and ECS's cluster behaves as AWS's documentation says."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.evidence import counted
from tests.fabric.asl import StateMachines
from tests.fabric.aws.boundary import ACCOUNT, REGION
from tests.fabric.aws.cluster import Cluster
from tests.fabric.aws.dynamodb import DynamoDb
from tests.fabric.aws.ecs import Ecs
from tests.fabric.aws.engines import service_arn
from tests.fabric.aws.errors import NotFaked
from tests.fabric.aws.small import Buckets, Secrets
from tests.fabric.clock import VirtualClock
from tests.fabric.delivery.agenda import Ground, Outcome
from tests.fabric.delivery.bus import Bus
from tests.fabric.delivery.invocations import Invocations
from tests.fabric.delivery.schedules import Schedules
from tests.fabric.pairs import Pair, pair
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


# ── ECS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Region:
    """A cluster, its API, and what it told the default bus."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.told: list[tuple[str, Any]] = []
        self.cluster = Cluster(self.clock, random.Random(1), lambda _, kind, detail, __: self.told.append((kind, detail)))
        self.api = Ecs(self.cluster)

    def run(self, seconds: float = 600) -> None:
        """Let that much time pass."""
        end = self.clock.seconds + seconds
        while due := [thing for thing in self.cluster.waiting if thing.due <= end]:
            thing = min(due, key=lambda one: one.due)
            self.clock.move_to(thing.due)
            self.cluster.deliver(thing)
        self.clock.move_to(end)

    def service(self, desired: int = 1, **more: Any) -> Any:
        """A service of one definition."""
        definition = self.api.call("RegisterTaskDefinition", {"family": "s"})["taskDefinition"]["taskDefinitionArn"]
        return self.api.call("CreateService", {"serviceName": "s", "taskDefinition": definition, "desiredCount": desired, **more})

    def seen(self) -> Any:
        """The service as it is described."""
        return self.api.call("DescribeServices", {"services": ["s"]})["services"][0]

    def names(self, kind: str) -> list[str]:
        """Names of the events of one kind."""
        return [detail["eventName"] for found, detail in self.told if found == kind]


@contextmanager
def _paired() -> Iterator[tuple[_Region, Pair]]:
    region = _Region()
    with pair("ecs", region.api) as two:
        two.theirs.create_cluster(clusterName="cluster")
        yield region, two


def test_services_and_definitions_are_made_changed_and_missed_alike() -> None:
    """ECS's API, call by call: definitions by family and status, services by name, and the errors of those that are not there."""
    with _paired() as (_, two):
        container = [{"name": "engine", "image": "x", "memory": 10}]
        for _ in range(2):
            two.both("register_task_definition", family="s", containerDefinitions=container)
        definition = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/s:2"

        def definitions() -> None:
            two.both("list_task_definitions", lambda a: sorted(a["taskDefinitionArns"]), familyPrefix="s", status="ACTIVE")

        def service() -> None:
            two.both("describe_services", lambda a: [s["desiredCount"] for s in a["services"]], cluster="cluster", services=["s"])

        definitions()
        two.both("update_service", cluster="cluster", service="s", desiredCount=1)
        two.both("create_service", cluster="cluster", serviceName="s", taskDefinition=definition, desiredCount=2)
        service()
        two.both("update_service", cluster="cluster", service="s", desiredCount=0)
        service()
        two.both("list_services", lambda a: [arn.rsplit("/", 1)[-1] for arn in a["serviceArns"]], cluster="cluster")
        two.both("delete_service", cluster="cluster", service="s", force=True)
        two.both("deregister_task_definition", taskDefinition=definition)
        definitions()
        two.both("describe_services", lambda a: [f["reason"] for f in a["failures"]], cluster="cluster", services=["nobody"])
        two.both("describe_services", cluster="nobodys", services=["s"])
    counted("calls_compared_with_moto", 15, service="ecs")


def test_a_task_is_told_of_with_a_rising_version_until_it_runs() -> None:
    """ecs_task_events.html and task-lifecycle.html: PROVISIONING, PENDING, RUNNING, each with a higher version."""
    region = _Region()
    region.service()
    region.run()
    tasks = [detail for kind, detail in region.told if kind == "ECS Task State Change"]
    assert [(one["lastStatus"], one["version"]) for one in tasks] == [("PROVISIONING", 1), ("PENDING", 2), ("RUNNING", 3)]
    assert region.seen()["runningCount"] == 1
    assert region.names("ECS Service Action") == ["SERVICE_STEADY_STATE"]


def test_scaling_down_ends_tasks_for_that_reason() -> None:
    """stopped-task-error-codes.html: a task ended by its service's scheduler says so; the older ones stay."""
    region = _Region()
    region.service(2)
    region.run()
    region.api.call("UpdateService", {"service": "s", "desiredCount": 1})
    region.run()
    assert (region.seen()["runningCount"], region.seen()["pendingCount"]) == (1, 0)
    last = [detail for kind, detail in region.told if kind == "ECS Task State Change"][-1]
    assert (last["lastStatus"], last["stopCode"]) == ("STOPPED", "ServiceSchedulerInitiated")


def test_what_dies_is_replaced() -> None:
    """ecs_services.html: the scheduler replaces tasks that fail or stop, so that the desired number runs."""
    region = _Region()
    region.service()
    region.run()
    (task,) = region.cluster.alive()
    region.cluster.oom(task)
    region.run()
    (other,) = region.cluster.alive()
    assert other.task_id != task.task_id
    assert task.view()["containers"][0]["exitCode"] == 137


def test_starts_that_fail_open_the_circuit_breaker() -> None:
    """deployment-circuit-breaker.html: three failed tasks at least, then SERVICE_DEPLOYMENT_FAILED, and no more tasks."""
    region = _Region()
    region.cluster.doom("s", "image-pull-failed", times=9)
    region.service()
    region.run(7200)
    assert region.names("ECS Deployment State Change") == ["SERVICE_DEPLOYMENT_FAILED"]
    assert len(region.cluster.tasks) == 3


def test_without_capacity_tasks_wait_and_the_service_says_why() -> None:
    """ecs_service_events.html: SERVICE_TASK_PLACEMENT_FAILURE with its reason, again and again, until there is room."""
    region = _Region()
    region.cluster.no_capacity()
    region.service()
    region.run(130)
    assert set(region.names("ECS Service Action")) == {"SERVICE_TASK_PLACEMENT_FAILURE"}
    assert region.seen()["events"][0]["createdAt"] > datetime(2026, 1, 1, tzinfo=UTC)
    region.cluster.capacity_back()
    region.run()
    assert region.seen()["runningCount"] == 1


def test_a_deleted_service_drains_is_listed_no_more_and_then_is_inactive() -> None:
    """API_DeleteService.html: DRAINING, out of ListServices, until its tasks stop; then INACTIVE; it can be described all along."""
    region = _Region()
    region.service()
    region.run()
    with pytest.raises(ClientError, match="scaled above 0"):
        region.api.call("DeleteService", {"service": "s"})
    region.cluster.alive()[0].last = "ACTIVATING"
    region.api.call("DeleteService", {"service": "s", "force": True})
    assert region.api.call("ListServices", {}) == {"serviceArns": []}
    region.run()
    assert region.seen()["status"] == "INACTIVE"
    with pytest.raises(ClientError, match="not ACTIVE"):
        region.api.call("UpdateService", {"service": "s", "desiredCount": 1})


def test_making_a_service_twice_is_the_same_service_unless_it_is_another() -> None:
    """ECS_Idempotency.html: an equal request finds the service; one that differs is refused as not idempotent."""
    region = _Region()
    region.service()
    region.api.call("CreateService", {**region.cluster.services["s"].given})
    with pytest.raises(ClientError, match="not idempotent"):
        region.api.call("CreateService", {**region.cluster.services["s"].given, "desiredCount": 5})
    assert list(region.cluster.services) == ["s"]


def test_a_stale_read_shows_the_moment_before() -> None:
    """API_DescribeServices and API_ListTasks follow an eventual consistency model (API reference, introduction)."""
    region = _Region()
    region.service()
    region.api.stale = True
    assert region.api.call("DescribeServices", {"services": ["s"]})["failures"] == [{"arn": service_arn("s"), "reason": "MISSING"}]
    region.api.stale = False
    assert region.seen()["status"] == "ACTIVE"


def test_a_host_that_is_taken_back_warns_two_minutes_before() -> None:
    """spot-instance-termination-notices.html: the warning names the instance; its tasks end two minutes later."""
    region = _Region()
    region.service(capacityProviderStrategy=[{"capacityProvider": "gpus", "weight": 1}])
    region.run()
    (task,) = region.cluster.alive()
    hosts = region.api.call("ListContainerInstances", {"filter": f"ec2InstanceId == {task.host}"})["containerInstanceArns"]
    assert (
        region.api.call("DescribeContainerInstances", {"containerInstances": hosts})["containerInstances"][0]["ec2InstanceId"] == task.host
    )
    region.cluster.spot(task)
    assert region.told[-1] == ("EC2 Spot Instance Interruption Warning", {"instance-id": task.host, "instance-action": "terminate"})
    region.run(100)
    assert task.last == "RUNNING"
    region.run(60)
    assert (task.last, task.stop_code) == ("STOPPED", "SpotInterruption")


def test_a_stopped_task_is_told_of_for_an_hour() -> None:
    """API_DescribeTasks.html: stopped tasks appear for at least an hour; then they are MISSING."""
    region = _Region()
    region.service()
    region.run()
    (task,) = region.cluster.alive()
    region.cluster.stop_task(task)
    region.run(600)
    assert region.api.call("DescribeTasks", {"tasks": [task.task_id]})["tasks"][0]["lastStatus"] == "STOPPED"
    region.run(3700)
    assert region.api.call("DescribeTasks", {"tasks": [task.task_id]})["failures"][0]["reason"] == "MISSING"


def test_a_call_that_nobody_has_faked_ends_the_run() -> None:
    """It must not pass for a refusal of AWS's, which a function would survive."""
    with pytest.raises(NotFaked, match="RunTask"):
        _Region().api.call("RunTask", {})
    with pytest.raises(NotFaked, match="UpdateItem"):
        DynamoDb(lambda: 0.0, lambda _: None).call("UpdateItem", {})
    assert not issubclass(NotFaked, Exception)
