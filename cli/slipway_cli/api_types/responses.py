"""What the management API takes and answers: responses. Generated from its OpenAPI document by `make contracts`: do not edit."""

from typing import Any, Literal, NotRequired, TypedDict

from slipway_cli.api_types.common import Failure

AcceptedStatus = Literal["Pending", "Running", "Succeeded", "Failed", "Superseded", "Cancelled"]
ConditionType = Literal["ArtifactValidated", "CapacityAvailable", "EngineReady", "RouteOpen", "UpToDate"]
ConditionStatus = Literal["True", "False", "Unknown"]
NextActionAction = Literal["start", "stop"]
OperationKind = Literal["create", "update", "start", "stop", "delete", "retry", "sleep", "wake"]
OperationStatus = Literal["Pending", "Running", "Succeeded", "Failed", "Superseded", "Cancelled"]
OperationStrategy = Literal["hot", "scale", "surge", "in_place"]


class Accepted(TypedDict):
    """The answer to a command, 202: what to follow."""

    operation_id: str
    model_id: str
    status: AcceptedStatus
    links: dict[str, str]


class CauseView(TypedDict):
    """The event that led to an entry: one of ours by its id (ULID), or one of AWS by its own."""

    id: str
    type: NotRequired[str | None]


class Condition(TypedDict):
    """One aspect of a model's state: whether it holds, why, and since when."""

    type: ConditionType
    status: ConditionStatus
    reason: str
    message: NotRequired[str]
    since: str


class NextAction(TypedDict):
    """What a schedule does next: the moment in UTC, and as the clock of the schedule's zone shows it."""

    action: NextActionAction
    at: str
    local: str


class Operation(TypedDict):
    """How an accepted command fares."""

    operation_id: str
    model_id: str
    kind: OperationKind
    status: OperationStatus
    reason: NotRequired["Failure | None"]
    phase: NotRequired[str]
    progress: NotRequired[float | None]
    strategy: NotRequired[OperationStrategy | None]
    created_by: str
    created_at: str
    updated_at: str
    ended_at: NotRequired[str | None]
    links: dict[str, str]


class TimelineEntry(TypedDict):
    """One row of a model's ledger."""

    revision: int
    event_id: str
    event_type: str
    occurred_at: str
    actor: str
    correlation_id: str
    causation_id: str | None
    cause: NotRequired["CauseView | None"]
    duration_seconds: NotRequired[float | None]
    data: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
