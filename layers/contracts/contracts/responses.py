"""What the management API answers: resources as they are read back."""

from typing import Any, Literal

from pydantic import Field

from contracts.common import Contract, Failure, ModelId, Page, Semver, Status, Ulid
from contracts.users import ModelUser

OperationStatus = Literal["Pending", "Running", "Succeeded", "Failed", "Superseded", "Cancelled"]
OperationKind = Literal["create", "update", "start", "stop", "delete", "retry", "sleep", "wake"]


class Condition(Contract):
    """One aspect of a model's state: whether it holds, why, and since when."""

    type: Literal["ArtifactValidated", "CapacityAvailable", "EngineReady", "RouteOpen", "UpToDate"]
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""
    since: str


class NextAction(Contract):
    """What a schedule does next: the moment in UTC, and as the clock of the schedule's zone shows it."""

    action: Literal["start", "stop"]
    at: str
    local: str


class ObservedState(Contract):
    """What is true of every model beside the wish. `next_action` is its schedule's, where it has one."""

    status: Status
    conditions: list[Condition]
    version: Semver
    generation: int = Field(ge=1)
    observed_generation: int = Field(ge=0)
    failure: Failure | None
    operation: Ulid | None
    created_by: str
    created_at: str
    updated_by: str
    updated_at: str
    used_by: list[ModelUser] = Field(default_factory=list, description="what depends on it; while anything does it cannot be deleted")
    asleep: bool = Field(default=False, description="stopped because nobody used it; the next request wakes it")
    expected_start_seconds: float | None = Field(default=None, ge=0, description="the median of its last starts")
    next_action: NextAction | None = None
    links: dict[str, str]


class Accepted(Contract):
    """The answer to a command, 202: what to follow. `status` is the operation's at the moment of acceptance."""

    operation_id: Ulid
    model_id: ModelId
    status: OperationStatus
    links: dict[str, str]


class Operation(Contract):
    """How an accepted command fares. It ends in exactly one of Succeeded, Failed, Superseded, Cancelled."""

    operation_id: Ulid
    model_id: ModelId
    kind: OperationKind
    status: OperationStatus
    reason: Failure | None = None
    phase: str = ""
    progress: float | None = None
    strategy: Literal["hot", "scale", "surge", "in_place"] | None = Field(default=None, description="how an update is carried out")
    created_by: str
    created_at: str
    updated_at: str
    ended_at: str | None = None
    links: dict[str, str]


class ListModels(Page):
    """Query of `GET /models`."""

    status: Status | None = None
    hosting: Literal["hosted", "provider"] | None = None
    group: str | None = None
    tag: str | None = Field(default=None, pattern=r"^[A-Za-z0-9+=._:/@-]{1,128}(=.{0,256})?$", description="`key` or `key=value`")
    prefix: str | None = Field(default=None, max_length=63, description="model ids that begin so")
    order: Literal["asc", "desc"] = "asc"


class CauseView(Contract):
    """The event that led to an entry: one of ours by its id (ULID), or one of AWS by its own. `type` is what it is called, where known."""

    id: str
    type: str | None = None


class TimelineEntry(Contract):
    """One row of a model's ledger.

    `duration_seconds`: from the acceptance of the operation that it belongs to until it happened; null for what belongs to no operation.
    """

    revision: int
    event_id: Ulid
    event_type: str
    occurred_at: str
    actor: str
    correlation_id: str
    causation_id: str | None
    cause: CauseView | None = None
    duration_seconds: float | None = None
    data: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class ListEvents(Page):
    """Query of `GET /models/{id}/events`: oldest first unless `order=desc`."""

    order: Literal["asc", "desc"] = "asc"


class ListInstances(Page):
    """Query of `GET /instances`: types with GPUs, by name."""

    gpus_min: int | None = Field(default=None, ge=1, le=64, description="GPUs that an instance has at least")
    memory_min: float | None = Field(
        default=None, gt=0, le=65_536, description="GiB of GPU memory that an instance has at least, all together"
    )
    family: str | None = Field(default=None, pattern=r"^[a-z0-9-]{1,16}$", examples=["g6e"])
    fits_model: ModelId | None = Field(default=None, description="only types that hold this model, with the verdict")
    offered: bool | None = Field(default=None, description="only types that the region offers (true), or lacks (false)")
