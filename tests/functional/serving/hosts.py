"""EC2 instances under ECS tasks, the messages of ECS services, tasks that are ended: what moto takes in but never makes by itself."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.ecs.exceptions import InvalidParameterException
from moto.ecs.models import ecs_backends
from moto.moto_api._internal import mock_random

from kit.aws import client

_CLUSTER = "cluster"


def host_with_task(service: str) -> tuple[str, str]:
    """An instance of the cluster with one task of the service on it: instance id, task id."""
    mock_random.seed(1)  # the same ids in every world
    ec2, ecs = client("ec2"), client("ecs")
    instance = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    identity = json.dumps({"instanceId": instance, "region": "eu-west-1", "accountId": "123456789012"})
    registered = ecs.register_container_instance(cluster=_CLUSTER, instanceIdentityDocument=identity)
    host = registered["containerInstance"]["containerInstanceArn"]
    ecs.register_task_definition(family="of-a-host", containerDefinitions=[{"name": "engine", "image": "x", "memory": 10}])
    started = ecs.start_task(cluster=_CLUSTER, taskDefinition="of-a-host", containerInstances=[host], group=f"service:{service}")
    return instance, str(started["tasks"][0]["taskArn"]).rsplit("/", 1)[-1]


def ecs_says(service: str, message: str, minutes_ago: float = 1) -> None:
    """One more message of the service, as DescribeServices tells them."""
    moment = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    backend = ecs_backends["123456789012"]["eu-west-1"]
    backend.services[f"{_CLUSTER}:{service}"].events.insert(0, {"id": "m", "createdAt": moment.timestamp(), "message": message})


def stop_task(alive: set[str], ended: set[str]) -> Callable[..., Any]:
    """StopTask as ECS answers it: a task that is `alive` ends, however often it is asked to; any other is an invalid parameter."""

    def stop(_backend: Any, _cluster: str, task: str, reason: str) -> dict[str, str]:
        if task not in alive:
            raise InvalidParameterException("The referenced task was not found.")
        ended.add(f"{task[:8]} {reason}")
        return {"taskArn": f"arn:aws:ecs:eu-west-1:123456789012:task/{_CLUSTER}/{task}", "desiredStatus": "STOPPED"}

    return stop
