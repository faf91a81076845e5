"""ECS tasks: from what ECS says about one to what it means for the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from serving.domain.model import Failure, LiveTask

ENGINE_CONTAINER = "engine"
_SERVICE_GROUP = "service:"
_UNHEALTHY = "failed container health checks"
_KILLED, _TERMINATED = 137, 143  # exit statuses after SIGKILL and SIGTERM: what a stop that was asked for looks like

WAITS = frozenset({"capacity-unavailable", "ecs-throttled", "host-lost", "quota-exceeded", "spot-interrupted", "spot-quota-exceeded"})
"""Not the model's doing: ECS goes on trying, only the operation's deadline ends it."""

PASSING = frozenset(
    {
        "disk-full",
        "engine-crashed",
        "engine-unresponsive",
        "gpu-unavailable",
        "image-pull-failed",
        "out-of-memory-host",
        "port-in-use",
        "start-impaired",
        "task-resources-unavailable",
        "task-terminated",
        "weights-download-failed",
    }
)
"""May pass when tried once more, perhaps on another instance. Every other failure is certain to come back."""

TOLD_OF_STOPPED = timedelta(hours=1)
"""How long ECS tells of a stopped task at least (API reference of DescribeTasks)."""

_LAST_VERSION = 1_000_000

START_LIMIT = 2
"""Failed starts that are evidence enough: each may have cost twenty minutes of a GPU."""


@dataclass(frozen=True)
class TaskObservation:
    """One look at a task, from an event or from DescribeTasks; `version` orders looks at the same task."""

    task_id: str
    service: str
    generation: int
    version: int
    last_status: str
    desired_status: str
    address: str | None
    exit_code: int | None = None
    reasons: tuple[str, ...] = ()

    @property
    def stopped(self) -> bool:
        """Whether nothing of it is left."""
        return self.last_status in {"STOPPED", "DELETED"}

    def live(self) -> LiveTask:
        """The task as the aggregate remembers it while it lives."""
        return LiveTask(self.task_id, self.generation, self.last_status, self.desired_status, self.address)


def service_of(detail: Mapping[str, Any]) -> str | None:
    """The ECS service that a task belongs to; None for a task of no service."""
    group = str(detail.get("group", ""))
    return group.removeprefix(_SERVICE_GROUP) if group.startswith(_SERVICE_GROUP) else None


def observed(detail: Mapping[str, Any], service: str, generation: int) -> TaskObservation:
    """The observation in an event's `detail` or an element of DescribeTasks' `tasks`, which look alike."""
    container: Mapping[str, Any] = next((c for c in detail.get("containers", ()) if c.get("name") == ENGINE_CONTAINER), {})
    told = (detail.get("stopCode"), detail.get("stoppedReason"), container.get("reason"))
    return TaskObservation(
        task_id=str(detail["taskArn"]).rsplit("/", 1)[-1],
        service=service,
        generation=generation,
        version=int(detail.get("version", 0)),
        last_status=str(detail.get("lastStatus", "")),
        desired_status=str(detail.get("desiredStatus", "")),
        address=_address(detail, container),
        exit_code=container.get("exitCode"),
        reasons=tuple(str(words) for words in told if words),
    )


def forgotten(service: str, known: Sequence[LiveTask], looks: Sequence[TaskObservation], now: datetime) -> list[TaskObservation]:
    """The known tasks of a service of which ECS, whose answers are `looks`, tells nothing any more: they stopped long ago.

    A task that was not there an hour ago cannot be among them: ECS tells of a stopped one for longer, so that its absence only shows that
    the answer is older than the task. Their version lies above any that a task reaches in its life.
    """
    answered = {look.task_id for look in looks}
    return [
        TaskObservation(task.task_id, service, task.generation, _LAST_VERSION, "STOPPED", "STOPPED", None)
        for task in known
        if task.task_id not in answered and _may_be_forgotten(task, now)
    ]


def ended_as_asked(observation: TaskObservation) -> bool:
    """Whether the task stopped because somebody scaled or stopped the service, not because it failed."""
    unhealthy = any(_UNHEALTHY in words for words in observation.reasons)
    asked = bool({"ServiceSchedulerInitiated", "UserInitiated"} & set(observation.reasons))
    return asked and not unhealthy and observation.exit_code in {None, 0, _TERMINATED, _KILLED}


def ended_unhealthy(observation: TaskObservation) -> bool:
    """Whether ECS stopped the task because its health check failed."""
    return any(_UNHEALTHY in words for words in observation.reasons)


def gives_up(failure: Failure, failed_starts: int) -> bool:
    """Whether a start that failed so, as the `failed_starts`-th, ends the attempt to start the engine."""
    if failure.code in WAITS:
        return False
    return failed_starts >= START_LIMIT if failure.code in PASSING else True


def _may_be_forgotten(task: LiveTask, now: datetime) -> bool:
    return task.known_since is None or now - datetime.fromisoformat(task.known_since) > TOLD_OF_STOPPED


def _address(detail: Mapping[str, Any], container: Mapping[str, Any]) -> str | None:
    for interface in container.get("networkInterfaces", ()):
        if interface.get("privateIpv4Address"):
            return str(interface["privateIpv4Address"])
    for attachment in detail.get("attachments", ()):
        if attachment.get("type") not in {"eni", "ElasticNetworkInterface"}:
            continue
        for item in attachment.get("details", ()):
            # Here the name is spelled privateIPv4Address, on the container privateIpv4Address: both are ECS's own.
            if item.get("name") == "privateIPv4Address" and item.get("value"):
                return str(item["value"])
    return None
