"""An operation: one accepted command on its way to exactly one end."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from serving.domain.model import Failure, Spec


class OperationStatus(StrEnum):
    """`PENDING` → `RUNNING` → one of the four ends."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SUPERSEDED = "Superseded"
    CANCELLED = "Cancelled"


ENDS = frozenset({OperationStatus.SUCCEEDED, OperationStatus.FAILED, OperationStatus.SUPERSEDED, OperationStatus.CANCELLED})


class Goal(StrEnum):
    """What an operation works towards, which decides the state machine that carries it out."""

    SERVE = "serve"
    UPDATE = "update"
    HALT = "halt"
    REMOVE = "remove"


class Strategy(StrEnum):
    """How an update is carried out: the only thing that its machine chooses by."""

    HOT = "hot"
    SCALE = "scale"
    SURGE = "surge"
    IN_PLACE = "in_place"


class Step(StrEnum):
    """The places where a machine waits for something to become true."""

    VALIDATION = "await_validation"
    LAUNCH = "launch_engine"
    PROVIDER_ROUTE = "open_provider_route"
    UPDATE_READY = "prepare_update"
    APPLIED = "apply_change"
    ROUTE_CLOSED = "await_route_closed"
    ENGINES_STOPPED = "stop_engines"


@dataclass(frozen=True)
class Operation:
    """`doom` is a failure that is already certain, `cancelled_by` who wants it ended; the machine carries out both.

    `leader` is the target whose phase and progress are shown.
    `attempt` counts executions: the first bears the operation's id as its name, later ones a suffix. `supersedes` is an execution of the
    machine for `supersedes_goal`. `base` is the wish that an update started from, `relapse` why it is being undone: once that has been
    carried out it ends as failed. `relapse_entered` is the entry of the machine's state that began it.
    """

    operation_id: str
    model_id: str
    kind: str
    goal: Goal
    generation: int
    status: OperationStatus
    created_by: str
    created_at: str
    updated_at: str
    deadline: str
    allowed_groups: tuple[str, ...] = ()
    edition: int = 1
    reason: Failure | None = None
    phase: str = ""
    progress: float | None = None
    ended_at: str | None = None
    supersedes: str | None = None
    supersedes_goal: Goal | None = None
    leader: str | None = None
    strategy: Strategy | None = None
    base: Spec | None = None
    relapse: Failure | None = None
    relapse_entered: str = ""
    cancelled_by: str | None = None
    doom: Failure | None = None
    attempt: int = 1

    @property
    def ended(self) -> bool:
        """Whether it has come to its one end; nothing changes it any more."""
        return self.status in ENDS

    @property
    def execution(self) -> str:
        """The name of its present execution."""
        return self.operation_id if self.attempt == 1 else f"{self.operation_id}-{self.attempt}"

    def end(self, status: OperationStatus, now: str, reason: Failure | None = None) -> Self:
        """At its end. ValueError if it has ended already: an end is for ever."""
        if self.ended:
            raise ValueError(f"operation {self.operation_id} has ended as {self.status}")
        return replace(self, status=status, reason=reason, ended_at=now, updated_at=now, edition=self.edition + 1)

    def moved(self, now: str, **changes: object) -> Self:
        """With these fields changed, still on its way."""
        return replace(self, updated_at=now, edition=self.edition + 1, **changes)  # type: ignore[arg-type]  # names are the callers'


@dataclass(frozen=True)
class Wait:
    """A state machine's task that waits, and the token that wakes it."""

    operation_id: str
    model_id: str
    step: Step
    token: str
