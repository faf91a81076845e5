"""ECS in the fabric: its API answers as moto's does, and its cluster behaves as AWS's documentation says."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.evidence import counted
from tests.fabric.aws.boundary import ACCOUNT, REGION
from tests.fabric.aws.cluster import Cluster
from tests.fabric.aws.ecs import Ecs
from tests.fabric.aws.engines import service_arn
from tests.fabric.clock import VirtualClock
from tests.fabric.pairs import Pair, pair


class Region:
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
def _paired() -> Iterator[tuple[Region, Pair]]:
    region = Region()
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
    region = Region()
    region.service()
    region.run()
    tasks = [detail for kind, detail in region.told if kind == "ECS Task State Change"]
    assert [(one["lastStatus"], one["version"]) for one in tasks] == [("PROVISIONING", 1), ("PENDING", 2), ("RUNNING", 3)]
    assert region.seen()["runningCount"] == 1
    assert region.names("ECS Service Action") == ["SERVICE_STEADY_STATE"]


def test_scaling_down_ends_tasks_for_that_reason() -> None:
    """stopped-task-error-codes.html: a task ended by its service's scheduler says so; the older ones stay."""
    region = Region()
    region.service(2)
    region.run()
    region.api.call("UpdateService", {"service": "s", "desiredCount": 1})
    region.run()
    assert (region.seen()["runningCount"], region.seen()["pendingCount"]) == (1, 0)
    last = [detail for kind, detail in region.told if kind == "ECS Task State Change"][-1]
    assert (last["lastStatus"], last["stopCode"]) == ("STOPPED", "ServiceSchedulerInitiated")


def test_what_dies_is_replaced() -> None:
    """ecs_services.html: the scheduler replaces tasks that fail or stop, so that the desired number runs."""
    region = Region()
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
    region = Region()
    region.cluster.doom("s", "image-pull-failed", times=9)
    region.service()
    region.run(7200)
    assert region.names("ECS Deployment State Change") == ["SERVICE_DEPLOYMENT_FAILED"]
    assert len(region.cluster.tasks) == 3


def test_without_capacity_tasks_wait_and_the_service_says_why() -> None:
    """ecs_service_events.html: SERVICE_TASK_PLACEMENT_FAILURE with its reason, again and again, until there is room."""
    region = Region()
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
    region = Region()
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
    region = Region()
    region.service()
    region.api.call("CreateService", {**region.cluster.services["s"].given})
    with pytest.raises(ClientError, match="not idempotent"):
        region.api.call("CreateService", {**region.cluster.services["s"].given, "desiredCount": 5})
    assert list(region.cluster.services) == ["s"]


def test_a_stale_read_shows_the_moment_before() -> None:
    """API_DescribeServices and API_ListTasks follow an eventual consistency model (API reference, introduction)."""
    region = Region()
    region.service()
    region.api.stale = True
    assert region.api.call("DescribeServices", {"services": ["s"]})["failures"] == [{"arn": service_arn("s"), "reason": "MISSING"}]
    region.api.stale = False
    assert region.seen()["status"] == "ACTIVE"


def test_a_host_that_is_taken_back_warns_two_minutes_before() -> None:
    """spot-instance-termination-notices.html: the warning names the instance; its tasks end two minutes later."""
    region = Region()
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
    region = Region()
    region.service()
    region.run()
    (task,) = region.cluster.alive()
    region.cluster.stop_task(task)
    region.run(600)
    assert region.api.call("DescribeTasks", {"tasks": [task.task_id]})["tasks"][0]["lastStatus"] == "STOPPED"
    region.run(3700)
    assert region.api.call("DescribeTasks", {"tasks": [task.task_id]})["failures"][0]["reason"] == "MISSING"
