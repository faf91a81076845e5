"""What the management API takes and answers: views. Generated from its OpenAPI document by `make contracts`: do not edit."""

from typing import Any, Literal, NotRequired, TypedDict

from slipway_cli.api_types.access import Token
from slipway_cli.api_types.artifact import ManifestFile
from slipway_cli.api_types.audit import AuditEntry
from slipway_cli.api_types.common import Failure
from slipway_cli.api_types.model import (
    Accelerator,
    Artifact,
    Container,
    Features,
    GenerationDefaults,
    Limits,
    LlamaCppEngine,
    MockEngine,
    Provider,
    ScalingTarget,
    Schedule,
    VllmEngine,
)
from slipway_cli.api_types.responses import Condition, NextAction, TimelineEntry
from slipway_cli.api_types.users import ModelUser

ModelVersionStatus = Literal["published", "validated", "rejected"]
ReadHostedModelStatus = Literal["Creating", "InService", "Updating", "Starting", "Stopping", "Stopped", "Deleting", "Failed"]
ReadHostedModelTask = Literal["chat", "completion", "embedding", "rerank", "image", "transcription", "speech", "moderation"]
ReadProviderModelStatus = Literal["Creating", "InService", "Updating", "Starting", "Stopping", "Stopped", "Deleting", "Failed"]
ReadProviderModelTask = Literal["chat", "completion", "embedding", "rerank", "image", "transcription", "speech", "moderation"]


class AuditPage(TypedDict):
    """One page of the audit; `next_token` is null on the last, and only there."""

    items: list["AuditEntry"]
    next_token: str | None


class BlastRadius(TypedDict):
    """What a change that replaces containers means for those who use the model now."""

    fields: list[str]
    strategy: str
    surge_fits: bool
    surge: str
    requests_in_flight: int | None
    expected_downtime_seconds: float | None
    copies: int
    gpus_now: int
    gpus_meanwhile: int
    usd_per_hour_now: float | None
    usd_per_hour_meanwhile: float | None
    usd_per_hour_after: float | None


class IssuedToken(TypedDict):
    """A new token, shown this once."""

    token_id: str
    name: str
    principal: str
    groups: list[str]
    scopes: list[str]
    models: NotRequired[list[str] | None]
    expires_at: NotRequired[str | None]
    revoked_at: NotRequired[str | None]
    created_by: str
    created_at: str
    generation: int
    token: str


class ModelList(TypedDict):
    """One page of models; `next_token` is null on the last."""

    items: list["ReadHostedModel | ReadProviderModel"]
    next_token: str | None


class ModelVersion(TypedDict):
    """An immutable version of a model and the evidence that it may be served."""

    model_id: str
    version: str
    status: ModelVersionStatus
    manifest_sha256: str
    artifact_uri: str
    format: NotRequired[str]
    license: NotRequired[str]
    size_bytes: NotRequired[int]
    files: NotRequired[list["ManifestFile"]]
    checks: NotRequired[list[str]]
    failure: NotRequired["Failure | None"]
    created_by: str
    created_at: str


class ObservedCapacity(TypedDict):
    """The capacity asked for, and how many tasks run."""

    min: NotRequired[int]
    max: NotRequired[int]
    desired: NotRequired[int]
    cooldown_seconds: NotRequired[int]
    instance_warmup_seconds: NotRequired[int]
    target: NotRequired["ScalingTarget"]
    idle_minutes: NotRequired[int | None]
    running: int
    wanted: NotRequired[int]


class Problem(TypedDict):
    """An RFC 9457 problem document."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str
    hint: NotRequired[str | None]
    errors: NotRequired[list["ProblemField"] | None]
    operation: NotRequired[str | None]
    links: NotRequired[dict[str, str] | None]
    acknowledge: NotRequired[str | None]
    blast_radius: NotRequired["BlastRadius | None"]
    users: NotRequired[list["ModelUser"] | None]


class ProblemField(TypedDict):
    """One refused field: its dotted path, a stable code, a sentence."""

    path: str
    code: str
    message: str


class ReadHostedModel(TypedDict):
    """A hosted model as it is read back: the wish, and what became of it."""

    status: ReadHostedModelStatus
    conditions: list["Condition"]
    version: NotRequired[str]
    generation: int
    observed_generation: int
    failure: "Failure | None"
    operation: str | None
    created_by: str
    created_at: str
    updated_by: str
    updated_at: str
    used_by: NotRequired[list["ModelUser"]]
    asleep: NotRequired[bool]
    expected_start_seconds: NotRequired[float | None]
    next_action: NotRequired["NextAction | None"]
    links: dict[str, str]
    model_id: str
    task: NotRequired[ReadHostedModelTask]
    description: NotRequired[str]
    allowed_groups: list[str]
    tags: NotRequired[dict[str, Any]]
    features: NotRequired["Features"]
    generation_defaults: NotRequired["GenerationDefaults"]
    limits: NotRequired["Limits"]
    schedule: NotRequired["Schedule | None"]
    delete_protection: NotRequired[bool]
    aliases: NotRequired[list[str]]
    fallbacks: NotRequired[list[str]]
    pin_groups: NotRequired[list[str]]
    hosting: Literal["hosted"]
    artifact: "Artifact"
    engine: "VllmEngine | LlamaCppEngine | MockEngine"
    accelerator: NotRequired["Accelerator"]
    container: NotRequired["Container"]
    capacity: "ObservedCapacity"


class ReadProviderModel(TypedDict):
    """A provider's model as it is read back."""

    status: ReadProviderModelStatus
    conditions: list["Condition"]
    version: NotRequired[str]
    generation: int
    observed_generation: int
    failure: "Failure | None"
    operation: str | None
    created_by: str
    created_at: str
    updated_by: str
    updated_at: str
    used_by: NotRequired[list["ModelUser"]]
    asleep: NotRequired[bool]
    expected_start_seconds: NotRequired[float | None]
    next_action: NotRequired["NextAction | None"]
    links: dict[str, str]
    model_id: str
    task: NotRequired[ReadProviderModelTask]
    description: NotRequired[str]
    allowed_groups: list[str]
    tags: NotRequired[dict[str, Any]]
    features: NotRequired["Features"]
    generation_defaults: NotRequired["GenerationDefaults"]
    limits: NotRequired["Limits"]
    schedule: NotRequired["Schedule | None"]
    delete_protection: NotRequired[bool]
    aliases: NotRequired[list[str]]
    fallbacks: NotRequired[list[str]]
    pin_groups: NotRequired[list[str]]
    hosting: Literal["provider"]
    provider: "Provider"


class ScheduleState(TypedDict):
    """A model's schedule and how it stands."""

    model_id: str
    generation: int
    schedule: "Schedule"
    in_window: bool
    next_action: "NextAction | None"
    overridden_until: str | None


class Timeline(TypedDict):
    """One page of a model's ledger; `next_token` is null on the last."""

    items: list["TimelineEntry"]
    next_token: str | None


class TokenList(TypedDict):
    """One page of tokens, without the tokens themselves; `next_token` is null on the last."""

    items: list["Token"]
    next_token: str | None


class VersionList(TypedDict):
    """One page of versions; `next_token` is null on the last."""

    items: list["ModelVersion"]
    next_token: str | None
