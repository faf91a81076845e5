"""A model: what is wanted of it and what is known about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

ENGINE_PORT = 8080
Spec = Mapping[str, Any]


class Status(StrEnum):
    """Where a model is in its life. `FAILED` is never a dead end: retry and delete work from it."""

    CREATING = "Creating"
    IN_SERVICE = "InService"
    UPDATING = "Updating"
    STARTING = "Starting"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    DELETING = "Deleting"
    FAILED = "Failed"


class Aspect(StrEnum):
    """The sides of a model's state that are reported one by one."""

    ARTIFACT_VALIDATED = "ArtifactValidated"
    CAPACITY_AVAILABLE = "CapacityAvailable"
    ENGINE_READY = "EngineReady"
    ROUTE_OPEN = "RouteOpen"
    UP_TO_DATE = "UpToDate"


@dataclass(frozen=True)
class Failure:
    """Why something failed: a stable code, a sentence, what a person can do."""

    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Condition:
    """One aspect: `status` is True, False or Unknown (as text); `since` moves only when `status` does."""

    type: str
    status: str
    reason: str
    message: str
    since: str


@dataclass(frozen=True)
class LiveTask:
    """An ECS task that has not stopped yet, as last heard of. `condemned`: why it will never answer, though ECS finds nothing amiss.

    `known_since`: when it was first heard of; None in rows of releases that did not write it down.
    """

    task_id: str
    generation: int
    last_status: str
    desired_status: str
    address: str | None
    condemned: Failure | None = None
    known_since: str | None = field(default=None, compare=False)

    @property
    def target_status(self) -> str | None:
        """`running` or `stopping` once there is something to reach; None before."""
        if self.address is None:
            return None
        if self.desired_status == "STOPPED" or self.condemned:
            return "stopping"
        return "running" if self.last_status == "RUNNING" else None


@dataclass(frozen=True)
class Deployment:
    """An ECS service that belongs to the model, and the generation and version that it was made for.

    `retiring`: routers have been told to let go of its copies; nothing brings it back.
    """

    service: str
    generation: int
    version: str = ""
    retiring: bool = False


@dataclass(frozen=True)
class RouteView:
    """The route as last heard of; the newest revision wins. `targets` are the ids of those that it knows and that do not drain, `ready` of
    those among them that take requests, `draining` of those that drain; `heard_at` is when we heard of it, empty in rows of releases that
    did not ask.
    """

    state: str
    revision: int
    generation: int
    ready: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    draining: tuple[str, ...] = ()
    heard_at: str = ""

    @classmethod
    def of(cls, state: str, revision: int, generation: int, targets: Iterable[tuple[str, str]]) -> Self:
        """The route with these targets, each an id and its status."""
        told = tuple(targets)

        def those(*statuses: str) -> tuple[str, ...]:
            return tuple(target_id for target_id, status in told if status in statuses)

        return cls(state, revision, generation, those("ready"), those("ready", "probing"), those("draining"))


@dataclass(frozen=True)
class User:
    """What depends on the model: `kind` with `user_id` is who, `name` what people call it, `since` and `by` when and through whom."""

    kind: str
    user_id: str
    name: str
    since: str
    by: str


@dataclass(frozen=True)
class Verdict:
    """What the registry found out about an artefact, and during which operation."""

    version: str
    manifest_sha256: str
    validated: bool
    operation_id: str
    failure: Failure | None = None


@dataclass(frozen=True)
class Model:
    """The aggregate. `edition` rises with every write (the optimistic lock), `revision` with every fact, `generation` with every wish.

    A deleted model stays as a tombstone, so that all three go on rising if its id is used again; `life` is the first revision of this life.
    `served_from` is the generation of the last wish to serve it: what is said of a route of an older one is history.
    `exposed` says that routing has been told of something to send requests to; `deployments` are oldest first, the last one is wanted.
    `scaled_to` is the count that the load asked for, None where the wish's own holds; `asleep`: stopped, and woken by the next request.
    `start_seconds` are the last starts from acceptance to service; `deaths` the last moments at which an engine died in service, `futile`
    how many have died one after the other without ever having answered; `users` must let go of the model before it can be deleted;
    `caused_by` and `caused_by_type` are the id and the name of the last event that taught us something; `undone` is the operation whose
    change was taken back last while former copies, or a third party, went on serving.
    """

    model_id: str
    generation: int
    revision: int
    edition: int
    status: Status
    spec: Spec
    created_by: str
    created_at: str
    updated_by: str
    updated_at: str
    life: int = 1
    served_from: int = 1
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    failure: Failure | None = None
    failed_goal: str | None = None
    operation: str | None = None
    deployments: tuple[Deployment, ...] = ()
    tasks: tuple[LiveTask, ...] = ()
    failed_starts: tuple[str, ...] = ()
    route: RouteView | None = None
    verdict: Verdict | None = None
    exposed: bool = False
    scaled_to: int | None = None
    asleep: bool = False
    start_seconds: tuple[float, ...] = ()
    deaths: tuple[str, ...] = ()
    futile: int = 0
    caused_by: str | None = None
    caused_by_type: str | None = None
    deleted: bool = False
    users: tuple[User, ...] = ()
    undone: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """What callers ask it by: its id and its aliases, none of which is any other living model's."""
        return frozenset() if self.deleted else frozenset((self.model_id, *self.spec.get("aliases", ())))

    @property
    def hosting(self) -> str:
        """`hosted` or `provider`."""
        return str(self.spec["hosting"])

    @property
    def version(self) -> str:
        """The version that is wanted."""
        return str(self.spec["version"])

    @property
    def allowed_groups(self) -> tuple[str, ...]:
        """Whose the model is."""
        return tuple(self.spec.get("allowed_groups", ()))

    @property
    def deployment(self) -> Deployment | None:
        """The one that is wanted."""
        return self.deployments[-1] if self.deployments else None

    def deployment_of(self, generation: int) -> Deployment | None:
        """The one that was made for that generation."""
        return next((one for one in self.deployments if one.generation == generation), None)

    @property
    def former(self) -> tuple[Deployment, ...]:
        """Those whose place another one has taken, or shall take."""
        return tuple(one for one in self.deployments if one.retiring or one is not self.deployments[-1])

    def tasks_of(self, deployment: Deployment | None) -> tuple[LiveTask, ...]:
        """Its tasks."""
        return tuple(task for task in self.tasks if deployment and task.generation == deployment.generation)

    @property
    def running(self) -> int:
        """How many copies run."""
        return sum(1 for task in self.tasks if task.target_status == "running")

    @property
    def desired(self) -> int:
        """How many copies shall run; 0 where a third party serves."""
        if "capacity" not in self.spec:
            return 0
        return int(self.spec["capacity"]["desired"]) if self.scaled_to is None else self.scaled_to

    @property
    def wanted(self) -> int:
        """How many copies there shall be at this moment: none of a model that is stopped, or is on its way there."""
        return 0 if self.status in {Status.STOPPED, Status.STOPPING, Status.DELETING, Status.FAILED} else self.desired

    @property
    def expected_start(self) -> float | None:
        """Seconds that a start is likely to take: the median of its last ones; None before the first."""
        return sorted(self.start_seconds)[len(self.start_seconds) // 2] if self.start_seconds else None

    @property
    def manifest_sha256(self) -> str | None:
        """The digest that names the artefact's content; None where there is none."""
        return str(self.spec["artifact"]["manifest_sha256"]) if "artifact" in self.spec else None

    def targets(self) -> list[dict[str, Any]]:
        """The copies that can be reached, as CapacityChanged tells them, in a stable order."""
        told = []
        for task in sorted(self.tasks, key=lambda one: one.task_id):
            deployment = self.deployment_of(task.generation)
            if task.target_status is None or deployment is None:
                continue
            status = "stopping" if deployment.retiring else task.target_status
            version = deployment.version or self.version
            told.append({"target_id": task.task_id, "version": version, "address": task.address, "port": ENGINE_PORT, "status": status})
        return told

    def with_condition(self, aspect: Aspect, status: bool | None, reason: str, now: str, message: str = "") -> Self:
        """With this aspect as told; `since` stays where the status does not change."""
        text = "Unknown" if status is None else str(status)
        old = next((c for c in self.conditions if c.type == aspect), None)
        since = old.since if old and old.status == text else now
        others = tuple(c for c in self.conditions if c.type != aspect)
        conditions = (*others, Condition(aspect.value, text, reason, message, since))
        return replace(self, conditions=tuple(sorted(conditions, key=lambda c: c.type)))

    def no_longer_ready(self, reason: str, now: str) -> Self:
        """With an engine that was ready reported as not ready; what is known of one that never was stays as it is told."""
        ready = any(c.type == Aspect.ENGINE_READY and c.status == "True" for c in self.conditions)
        return self.with_condition(Aspect.ENGINE_READY, False, reason, now) if ready else self

    def fits(self, verdict: Verdict | None) -> bool:
        """Whether the verdict is about the artefact that is wanted now."""
        return verdict is not None and (verdict.version, verdict.manifest_sha256) == (self.version, self.manifest_sha256)


@dataclass(frozen=True)
class Fact:
    """Something that has become true of a model: the event's name and data. `wish` says that the wish itself changed with it."""

    event_type: str
    data: dict[str, Any] = field(default_factory=dict)
    wish: bool = False
