"""ECS asked about its services' messages and about the hosts under its tasks."""

from datetime import datetime

from serving.adapters.engines import EcsControl
from serving.domain.tasks import service_of

_GROUP = 100  # what one call describes


class EcsServices(EcsControl):
    """`ports.Services`."""

    def words(self, service: str, since: datetime) -> list[str]:
        """See `ports.Services`. ECS keeps the last hundred, newest first."""
        found = self._describe(service) or {}
        return [str(event["message"]) for event in found.get("events", ()) if event["createdAt"] >= since]

    def tasks_on(self, instance_id: str) -> list[tuple[str, str]]:
        """See `ports.Services`. EC2 tells of instances, ECS of container instances: the one is asked which of the others it is."""
        question = {"cluster": self._cluster, "filter": f"ec2InstanceId == {instance_id}"}
        arns = list(self._pages("list_container_instances", "containerInstanceArns", **question))
        found: list[tuple[str, str]] = []
        for start in range(0, len(arns), _GROUP):
            group = arns[start : start + _GROUP]
            answer = self._call("describe_container_instances", frozenset(), cluster=self._cluster, containerInstances=group)
            for host in answer["containerInstances"]:
                if host.get("ec2InstanceId") == instance_id:
                    found += self._tasks_of(str(host["containerInstanceArn"]))
        return found

    def _tasks_of(self, host: str) -> list[tuple[str, str]]:
        arns = list(self._pages("list_tasks", "taskArns", cluster=self._cluster, containerInstance=host))
        found: list[tuple[str, str]] = []
        for start in range(0, len(arns), _GROUP):
            answer = self._call("describe_tasks", frozenset(), cluster=self._cluster, tasks=arns[start : start + _GROUP])
            for task in answer["tasks"]:
                service = service_of(task)
                if service and service.startswith(self._prefix):
                    found.append((service, str(task["taskArn"]).rsplit("/", 1)[-1]))
        return found
