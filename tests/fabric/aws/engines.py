"""ECS services and tasks as records: what they are, and how ECS's API and events show them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.fabric.aws.boundary import ACCOUNT, REGION
from tests.fabric.clock import moment
from tests.fabric.intrinsics import CLUSTER

CONTAINER = "engine"
PENDING = frozenset({"PROVISIONING", "PENDING", "ACTIVATING"})
ENDING = frozenset({"DEACTIVATING", "STOPPING", "DEPROVISIONING"})
STOPPED = "STOPPED"


def service_arn(name: str) -> str:
    """Of a service in the one cluster."""
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/cluster/{name}"


def task_arn(task_id: str) -> str:
    """Of a task."""
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/cluster/{task_id}"


def host_arn(instance: str) -> str:
    """Of a container instance, which bears its EC2 instance's number here."""
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:container-instance/cluster/{instance.removeprefix('i-'):0>32}"


@dataclass
class Service:
    """One ECS service. `failures`: starts that failed in a row; `given_up`: its circuit breaker has opened."""

    name: str
    given: Mapping[str, Any]
    definition: str
    desired: int
    created: float
    status: str = "ACTIVE"
    failures: int = 0
    given_up: bool = False
    steady: bool = False
    messages: list[dict[str, Any]] = field(default_factory=list)

    def view(self, tasks: list["Task"]) -> dict[str, Any]:
        """As DescribeServices shows it."""
        return {
            "serviceArn": service_arn(self.name),
            "serviceName": self.name,
            "clusterArn": CLUSTER,
            "status": self.status,
            "desiredCount": self.desired,
            "runningCount": sum(task.last == "RUNNING" for task in tasks),
            "pendingCount": sum(task.last in PENDING for task in tasks),
            "taskDefinition": self.definition,
            "events": list(self.messages),
        }

    def says(self, identity: str, text: str, at: float) -> None:
        """One more message; ECS keeps a hundred, newest first."""
        self.messages.insert(
            0, {"id": identity, "createdAt": datetime.fromisoformat(moment(at)), "message": f"(service {self.name}) {text}"}
        )
        del self.messages[100:]


@dataclass
class Task:
    """One task and the engine in it. Times in virtual seconds; `loads_for`: from RUNNING until the engine answers."""

    task_id: str
    service: str
    definition: str
    address: str
    host: str
    loads_for: float
    fate: str = ""
    last: str = "PROVISIONING"
    desired: str = "RUNNING"
    version: int = 1
    started: float | None = None
    stopped: float | None = None
    exit_code: int | None = None
    stop_code: str = ""
    reason: str = ""
    container_reason: str = ""
    broken: str = ""
    """The failure that the engine reports of itself."""

    def view(self) -> dict[str, Any]:
        """As DescribeTasks and events show it."""
        container: dict[str, Any] = {"name": CONTAINER, "lastStatus": self.last, "networkInterfaces": []}
        if self.last not in {"PROVISIONING", STOPPED}:
            container["networkInterfaces"] = [{"attachmentId": "eni", "privateIpv4Address": self.address}]
        if self.exit_code is not None:
            container["exitCode"] = self.exit_code
        if self.container_reason:
            container["reason"] = self.container_reason
        address = [{"name": "privateIPv4Address", "value": self.address}] if self.last != "PROVISIONING" else []
        found: dict[str, Any] = {
            "attachments": [{"id": "eni", "type": "eni", "status": "ATTACHED", "details": address}],
            "clusterArn": CLUSTER,
            "containers": [container],
            "group": f"service:{self.service}",
            "lastStatus": self.last,
            "desiredStatus": self.desired,
            "taskArn": task_arn(self.task_id),
            "taskDefinitionArn": self.definition,
            "launchType": "MANAGED_INSTANCES" if self.host else "FARGATE",
            "startedBy": "ecs-svc/0123456789012345678",
            "version": self.version,
        }
        if self.host:
            found["containerInstanceArn"] = host_arn(self.host)
        if self.stop_code:
            found |= {"stopCode": self.stop_code, "stoppedReason": self.reason}
        return found

    def phase(self, now: float) -> str:
        """What the engine's supervisor says on its port; empty while nobody answers there."""
        if self.last != "RUNNING" or self.started is None:
            return ""
        if self.broken:
            return "failed"
        return "ready" if now >= self.started + self.loads_for and not self.fate else "loading"
