"""ECS: the operations that the adapters call, and a cluster that does what they ask.

The cluster's part is in `tests.fabric.aws.cluster`. Reads are eventually consistent: a `stale` one shows what was before the last change.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tests.fabric.aws.boundary import ACCOUNT, REGION
from tests.fabric.aws.cluster import Cluster
from tests.fabric.aws.engines import STOPPED, Service, host_arn, service_arn, task_arn
from tests.fabric.aws.errors import answering, refusal

_SHOWN_SECONDS = 3600.0  # ECS tells of a stopped task for about an hour
_DESCRIBED = 10  # services per call
_PER_CALL = 100


class Ecs:
    """The service's API."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.stale = False
        """Whether the next read shows an earlier moment; set by the fault hook for one call."""

    def call(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """One API call."""
        if given.get("cluster", "cluster").rsplit("/", 1)[-1] != "cluster":
            raise refusal(operation, "ClusterNotFoundException", "Cluster not found.")
        found: dict[str, Any] = answering(_OPERATIONS, operation)(self, operation, given)
        return found

    # ── task definitions ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _register(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        del operation
        revisions = self._cluster.definitions.setdefault(given["family"], [])
        arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{given['family']}:{len(revisions) + 1}"
        revisions.append({"taskDefinitionArn": arn, "status": "ACTIVE", **given})
        return {"taskDefinition": revisions[-1]}

    def _deregister(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        found = self._definition(given["taskDefinition"])
        if found is None:
            raise refusal(operation, "ClientException", "Unable to describe task definition.")
        found["status"] = "INACTIVE"
        return {"taskDefinition": found}

    def _list_definitions(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        del operation
        prefix, status = given.get("familyPrefix", ""), given.get("status", "ACTIVE")
        arns = [
            one["taskDefinitionArn"]
            for family in sorted(self._cluster.definitions)
            if family == prefix or (not prefix)  # familyPrefix is the family's whole name in spite of its own
            for one in self._cluster.definitions[family]
            if one["status"] == status
        ]
        return {"taskDefinitionArns": arns[::-1] if given.get("sort") == "DESC" else arns}

    def _definition(self, arn: str) -> dict[str, Any] | None:
        family = arn.rsplit("/", 1)[-1].rsplit(":", 1)[0]
        return next((one for one in self._cluster.definitions.get(family, ()) if one["taskDefinitionArn"] == arn), None)

    # ── services ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _create(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        name = given["serviceName"]
        known = self._cluster.services.get(name)
        if known and known.status == "DRAINING":
            raise refusal(operation, "InvalidParameterException", "Unable to Start a service that is still Draining.")
        if known and known.status == "ACTIVE":
            if known.given != given:
                raise refusal(operation, "InvalidParameterException", "Creation of service was not idempotent.")
            return {"service": self._cluster.service_view(known)}
        definition = self._definition(given["taskDefinition"])
        if definition is None:
            raise refusal(operation, "ClientException", "TaskDefinition not found.")
        if definition["status"] != "ACTIVE":
            raise refusal(operation, "ClientException", "TaskDefinition is inactive")
        return {"service": self._cluster.service_view(self._cluster.create(given))}

    def _update(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        service = self._service(operation, given["service"])
        if service.status != "ACTIVE":
            raise refusal(operation, "ServiceNotActiveException", "Service was not ACTIVE.")
        self._cluster.scale(service, int(given.get("desiredCount", service.desired)))
        return {"service": self._cluster.service_view(service)}

    def _delete(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        service = self._service(operation, given["service"])
        if service.status == "INACTIVE":
            raise refusal(operation, "ServiceNotFoundException", "Service not found.")
        if service.desired and not given.get("force"):
            raise refusal(operation, "InvalidParameterException", "The service cannot be stopped while it is scaled above 0.")
        self._cluster.delete(service)
        return {"service": self._cluster.service_view(service)}

    def _describe(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        if not 0 < len(given["services"]) <= _DESCRIBED:
            raise refusal(operation, "InvalidParameterException", "Services must have 1 to 10 members.")
        seen = self._cluster.picture(stale=self.stale).services
        names = [str(one).rsplit("/", 1)[-1] for one in given["services"]]
        missing = [{"arn": service_arn(name), "reason": "MISSING"} for name in names if name not in seen]
        return {"services": [dict(seen[name]) for name in names if name in seen], "failures": missing}

    def _list(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        del operation
        seen = self._cluster.picture(stale=self.stale).services
        arns = [service_arn(name) for name in sorted(seen) if seen[name]["status"] == "ACTIVE"]  # draining ones are not listed any more
        return _paged(arns, "serviceArns", given)

    def _service(self, operation: str, name: str) -> Service:
        found = self._cluster.services.get(name.rsplit("/", 1)[-1])
        if found is None:
            raise refusal(operation, "ServiceNotFoundException", "Service not found.")
        return found

    # ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _list_tasks(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        if "serviceName" in given:
            self._service(operation, given["serviceName"])
        tasks = self._cluster.picture(stale=self.stale).tasks
        wanted, host = given.get("desiredStatus", "RUNNING"), given.get("containerInstance")
        group = f"service:{given['serviceName'].rsplit('/', 1)[-1]}" if "serviceName" in given else None
        arns = [
            task_arn(task_id)
            for task_id, task in tasks.items()
            if task["desiredStatus"] == wanted and group in {None, task["group"]} and host in {None, task.get("containerInstanceArn")}
        ]
        return _paged(arns, "taskArns", given)

    def _describe_tasks(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        if not 0 < len(given["tasks"]) <= _PER_CALL:
            raise refusal(operation, "InvalidParameterException", "Tasks must have 1 to 100 members.")
        tasks = self._cluster.picture(stale=self.stale).tasks
        found, missing = [], []
        for name in given["tasks"]:
            task_id = str(name).rsplit("/", 1)[-1]
            if task_id in tasks and not self._forgotten(task_id):
                found.append(dict(tasks[task_id]))
            else:
                missing.append({"arn": task_arn(task_id), "reason": "MISSING"})
        return {"tasks": found, "failures": missing}

    def _stop_task(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        task = self._cluster.tasks.get(str(given["task"]).rsplit("/", 1)[-1])
        if task is None or self._forgotten(task.task_id):
            raise refusal(operation, "InvalidParameterException", "The referenced task was not found.")
        self._cluster.stop_task(task, given.get("reason", "Task stopped by user"))
        return {"task": task.view()}

    def _forgotten(self, task_id: str) -> bool:
        task = self._cluster.tasks[task_id]
        return task.last == STOPPED and task.stopped is not None and self._cluster.now() - task.stopped > _SHOWN_SECONDS

    # ── hosts ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _list_hosts(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        del operation
        wanted = given.get("filter", "").partition("==")[2].strip()
        hosts = sorted({task.host for task in self._cluster.tasks.values() if task.host and task.last != STOPPED})
        return {"containerInstanceArns": [host_arn(host) for host in hosts if wanted in {"", host}]}

    def _describe_hosts(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        del operation
        hosts = {host_arn(task.host): task.host for task in self._cluster.tasks.values() if task.host}
        known = [{"containerInstanceArn": arn, "ec2InstanceId": hosts[arn]} for arn in given["containerInstances"] if arn in hosts]
        return {"containerInstances": known, "failures": []}


def _paged(arns: list[str], key: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """One page: ten unless another number is asked for, a hundred at most."""
    start, most = int(given.get("nextToken", 0)), min(given.get("maxResults", 100), 100)
    page: dict[str, Any] = {key: arns[start : start + most]}
    return page | ({"nextToken": str(start + most)} if start + most < len(arns) else {})


_OPERATIONS: Mapping[str, Callable[[Ecs, str, Mapping[str, Any]], dict[str, Any]]] = {
    "RegisterTaskDefinition": Ecs._register,
    "DeregisterTaskDefinition": Ecs._deregister,
    "ListTaskDefinitions": Ecs._list_definitions,
    "CreateService": Ecs._create,
    "UpdateService": Ecs._update,
    "DeleteService": Ecs._delete,
    "DescribeServices": Ecs._describe,
    "ListServices": Ecs._list,
    "ListTasks": Ecs._list_tasks,
    "DescribeTasks": Ecs._describe_tasks,
    "StopTask": Ecs._stop_task,
    "ListContainerInstances": Ecs._list_hosts,
    "DescribeContainerInstances": Ecs._describe_hosts,
}
