"""ECS: one service per model version, found again by its name whoever made it."""

from collections.abc import Iterator, Sequence
from typing import Any

from kit.errors import Refused, Transient
from serving.adapters.task_definitions import EngineEnvironment, service, task_definition
from serving.domain.model import Model
from serving.domain.naming import service_prefix
from serving.domain.tasks import TaskObservation, observed

_GONE = frozenset({"ServiceNotFoundException", "ServiceNotActiveException", "ClusterNotFoundException"})
_REFUSED = frozenset({"InvalidParameterException", "ClientException", "UnsupportedFeatureException", "PlatformUnknownException"})
_PER_CALL = 100  # DescribeTasks' limit


class EcsControl:
    """`ports.Engines` for all but launching: needs to know no more than the cluster and the environment's name."""

    def __init__(self, client: Any, cluster: str, environment: str) -> None:
        self._client, self._cluster, self._prefix = client, cluster, service_prefix(environment)

    def scale(self, service: str, desired: int) -> None:
        """See `ports.Engines`."""
        self._call("update_service", _GONE, cluster=self._cluster, service=service, desiredCount=desired)

    def desired(self, service: str) -> int | None:
        """See `ports.Engines`."""
        found = self._describe(service)
        return int(found["desiredCount"]) if found and found["status"] == "ACTIVE" else None

    def stop(self, service: str) -> None:
        """See `ports.Engines`."""
        self.scale(service, 0)

    def end(self, task_id: str, reason: str) -> None:
        """See `ports.Endings`. ECS calls a task that it does not know an invalid parameter."""
        self._call("stop_task", _GONE | {"InvalidParameterException"}, cluster=self._cluster, task=task_id, reason=reason)

    def remove(self, service: str) -> None:
        """See `ports.Engines`."""
        if self._describe(service) is not None:
            self.stop(service)
            self._call("delete_service", _GONE, cluster=self._cluster, service=service, force=True)
        for arn in self._definitions(service):
            self._call("deregister_task_definition", frozenset(), taskDefinition=arn)

    def tasks_left(self, service: str) -> int:
        """See `ports.Engines`."""
        found = self._describe(service)
        return int(found["runningCount"]) + int(found["pendingCount"]) if found else 0

    def tasks(self, service: str, generation: int, known: Sequence[str]) -> list[TaskObservation]:
        """See `ports.Engines`."""
        found = self._look(service, generation, self._running(service))
        others = [task_id for task_id in known if task_id not in {seen.task_id for seen in found}]
        return found + self._look(service, generation, others)

    def services(self) -> Iterator[str]:
        """See `ports.Engines`."""
        names = (_last(arn) for arn in self._pages("list_services", "serviceArns", cluster=self._cluster, maxResults=100))
        return (name for name in names if name.startswith(self._prefix))

    def _running(self, service: str) -> list[str]:
        return [_last(arn) for arn in self._pages("list_tasks", "taskArns", cluster=self._cluster, serviceName=service)]

    def _look(self, service: str, generation: int, task_ids: Sequence[str]) -> list[TaskObservation]:
        found: list[TaskObservation] = []
        for start in range(0, len(task_ids), _PER_CALL):
            answer = self._call("describe_tasks", _GONE, cluster=self._cluster, tasks=list(task_ids[start : start + _PER_CALL]))
            found += [observed(task, service, generation) for task in (answer or {"tasks": []})["tasks"]]
        return found

    def _describe(self, service: str) -> dict[str, Any] | None:
        """The service, unless it is gone; a draining one is still there."""
        answer = self._call("describe_services", _GONE, cluster=self._cluster, services=[service])
        found = [s for s in (answer or {"services": []})["services"] if s["status"] != "INACTIVE"]
        return found[0] if found else None

    def _definitions(self, family: str) -> list[str]:
        """Active task definitions of exactly this family, newest first."""
        arns = self._pages("list_task_definitions", "taskDefinitionArns", familyPrefix=family, status="ACTIVE", sort="DESC")
        return [arn for arn in arns if _last(arn).rsplit(":", 1)[0] == family]

    def _pages(self, operation: str, key: str, **parameters: Any) -> Iterator[str]:
        while True:
            page = self._call(operation, _GONE, **parameters) or {key: []}
            yield from page[key]
            if not page.get("nextToken"):
                return
            parameters["nextToken"] = page["nextToken"]

    def _call(self, operation: str, harmless: frozenset[str], **parameters: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, operation)(**parameters)
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            if code in harmless:
                return None
            if code in _REFUSED:
                raise Refused(
                    "ecs-refused", f"ECS refused {operation.replace('_', ' ')}: {message}", "Correct what ECS names; retry then works."
                ) from error
            raise Transient("ecs-unavailable", f"{operation} answered {code}: {message}") from error
        except BotoCoreError as error:
            raise Transient("ecs-unreachable", f"{operation} failed: {type(error).__name__}") from error


def _last(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]


class EcsLauncher(EcsControl):
    """`ports.Launcher`."""

    def __init__(self, client: Any, place: EngineEnvironment) -> None:
        super().__init__(client, place.cluster, place.environment)
        self._place = place

    def launch(self, service: str, model: Model) -> None:
        """See `ports.Launcher`. Family and service are the model's generation's own, so whatever bears the name is what we would make."""
        found = self._describe(service)
        if found and found["status"] == "ACTIVE":
            return
        known = self._definitions(service)
        definition = known[0] if known else self._register(service, model)
        self._create(service, definition, model)

    def _register(self, family: str, model: Model) -> str:
        answer = self._call("register_task_definition", frozenset(), **task_definition(family, model, self._place))
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def _create(self, name: str, definition: str, model: Model) -> None:
        try:
            self._call("create_service", frozenset(), **service(name, definition, model, self._place))
        except Refused:
            # ECS refuses to create what there is: by an attempt whose reply was lost, or by another that runs beside this one.
            found = self._describe(name)
            if not found or found["status"] != "ACTIVE":
                raise
