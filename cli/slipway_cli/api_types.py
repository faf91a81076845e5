"""What the management API takes and answers. Generated from its OpenAPI document by `make contracts`: do not edit."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, NotRequired, TypedDict


@dataclass(frozen=True)
class Endpoint:
    """One method on one path: the names of its query parameters, and whether it takes a body, Idempotency-Key and If-Match."""

    method: str
    path: str
    query: tuple[str, ...] = ()
    body: bool = False
    idempotent: bool = False
    conditional: bool = False


AcceptedStatus = Literal["Pending", "Running", "Succeeded", "Failed", "Superseded", "Cancelled"]
BudgetPeriod = Literal["day", "month"]
BudgetStatePeriod = Literal["day", "month"]
BudgetStateUnit = Literal["usd", "tokens"]
ConditionType = Literal["ArtifactValidated", "CapacityAvailable", "EngineReady", "RouteOpen", "UpToDate"]
ConditionStatus = Literal["True", "False", "Unknown"]
HoldingTypeVerdict = Literal["fits", "tight"]
HostedModelTask = Literal["chat", "completion", "embedding", "rerank", "image", "transcription", "speech", "moderation"]
InstanceListSource = Literal["live", "snapshot"]
InstanceListPriceSource = Literal["live", "snapshot"]
IssueTokenScopes = Literal["admin", "models:read", "models:write", "tokens:write", "limits:write", "inference"]
LimitsStateKind = Literal["token", "group", "model"]
LlamaCppArgumentsPooling = Literal["mean", "cls", "last"]
ModelFitVerdict = Literal["fits", "tight", "no", "unknown"]
ModelUserKind = Literal["rollout", "repository", "alias", "application"]
ModelVersionStatus = Literal["published", "validated", "rejected"]
NextActionAction = Literal["start", "stop"]
OperationKind = Literal["create", "update", "start", "stop", "delete", "retry", "sleep", "wake"]
OperationStatus = Literal["Pending", "Running", "Succeeded", "Failed", "Superseded", "Cancelled"]
OperationStrategy = Literal["hot", "scale", "surge", "in_place"]
PlanCommand = Literal["create", "update", "start", "stop", "retry", "delete"]
PlanChangeClass = Literal["hot", "rolling", "restart", "fixed"]
PlannedChangeChangeClass = Literal["hot", "rolling", "restart", "fixed"]
PlannedCostSource = Literal["live", "snapshot"]
ProviderModelTask = Literal["chat", "completion", "embedding", "rerank", "image", "transcription", "speech", "moderation"]
ReadHostedModelStatus = Literal["Creating", "InService", "Updating", "Starting", "Stopping", "Stopped", "Deleting", "Failed"]
ReadHostedModelTask = Literal["chat", "completion", "embedding", "rerank", "image", "transcription", "speech", "moderation"]
ReadProviderModelStatus = Literal["Creating", "InService", "Updating", "Starting", "Stopping", "Stopped", "Deleting", "Failed"]
ReadProviderModelTask = Literal["chat", "completion", "embedding", "rerank", "image", "transcription", "speech", "moderation"]
ScalingTargetMetric = Literal["in_flight_per_task", "queue_per_task", "time_to_first_token_ms", "tokens_per_second_per_task"]
SubjectLimitsKind = Literal["token", "group", "model"]
TrafficSharedBy = Literal["shares", "targets"]
TypeFitVerdict = Literal["fits", "tight", "no", "unknown"]
VllmArgumentsKvCacheDtype = Literal["auto", "fp8", "fp8_e4m3", "fp8_e5m2", "fp8_ds_mla", "nvfp4"]
VllmArgumentsDtype = Literal["auto", "bfloat16", "float16", "float32"]
VllmArgumentsLoadFormat = Literal["auto", "safetensors", "fastsafetensors", "instanttensor", "sharded_state"]
VllmArgumentsGenerationConfig = Literal["auto", "vllm"]
WindowDays = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ListModelsStatus = Literal["Creating", "InService", "Updating", "Starting", "Stopping", "Stopped", "Deleting", "Failed"]
ListModelsHosting = Literal["hosted", "provider"]
ListModelsOrder = Literal["asc", "desc"]
ListModelEventsOrder = Literal["asc", "desc"]
ReadAuditOrder = Literal["asc", "desc"]
ReadAuditFormat = Literal["json", "ndjson"]
ReadUsageFormat = Literal["json", "ndjson", "csv"]
ListLimitsKind = Literal["token", "group", "model"]


class Accelerator(TypedDict):
    """What the engine needs to run on."""

    gpus: NotRequired[int]
    gpu_memory_gib: NotRequired[float | None]
    instance_types: NotRequired[list[str]]


class Accepted(TypedDict):
    """The answer to a command, 202: what to follow."""

    operation_id: str
    model_id: str
    status: AcceptedStatus
    links: dict[str, str]


class Amounts(TypedDict):
    """USD with the fewest, the wanted and the most copies; null = the price is not known."""

    min: float | None
    desired: float | None
    max: float | None


class Artifact(TypedDict):
    """Where the weights are, and the digest of the manifest that names every file's own digest."""

    uri: str
    manifest_sha256: str


class AuditEntry(TypedDict):
    """One fact: who did what to what, why, and what differs since."""

    event_id: str
    event_type: str
    occurred_at: str
    producer: str
    actor: str
    correlation_id: str
    cause: "CauseView | None"
    about: str | None
    data: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


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


class Budget(TypedDict):
    """What may be spent within a day or a month of UTC: US dollars or tokens."""

    period: BudgetPeriod
    usd: NotRequired[float | None]
    tokens: NotRequired[int | None]


class BudgetState(TypedDict):
    """How a budget stands in the period that runs."""

    period: BudgetStatePeriod
    unit: BudgetStateUnit
    starts_at: str
    ends_at: str
    budget: float
    spent: float
    reserved: float
    left: float


class Capacity(TypedDict):
    """How many tasks, between which bounds, and how quickly that may change."""

    min: NotRequired[int]
    max: NotRequired[int]
    desired: NotRequired[int]
    cooldown_seconds: NotRequired[int]
    instance_warmup_seconds: NotRequired[int]
    target: NotRequired["ScalingTarget"]
    idle_minutes: NotRequired[int | None]


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


class Container(TypedDict):
    """How the engine's container is run."""

    environment: NotRequired[dict[str, str]]
    shared_memory_mib: NotRequired[int]
    health_check: NotRequired["HealthCheck"]


class Costs(TypedDict):
    """What copies cost, and of what that is made."""

    usd_per_hour: "Amounts"
    usd_per_month: "Amounts"
    basis: str


class Counted(TypedDict):
    """A number now and after the command."""

    before: int
    after: int


class Failure(TypedDict):
    """Why something failed: a stable code, a sentence, and what a person can do about it."""

    code: str
    message: str
    hint: NotRequired[str]


class Features(TypedDict):
    """What callers may ask of the model."""

    streaming: NotRequired[bool]
    tool_calls: NotRequired[bool]
    image_input: NotRequired[bool]
    audio_input: NotRequired[bool]
    summarization: NotRequired["Summarization"]


class FitLine(TypedDict):
    """One step of the arithmetic; `gib` is null where the result is no size."""

    what: str
    formula: str
    gib: float | None


class GenerationDefaults(TypedDict):
    """Used where a request does not say otherwise."""

    max_tokens: NotRequired[int | None]
    temperature: NotRequired[float | None]
    top_p: NotRequired[float | None]
    top_k: NotRequired[int | None]
    stop: NotRequired[list[str] | None]
    seed: NotRequired[int | None]


class HealthCheck(TypedDict):
    """The container's health check, run without a shell."""

    command: NotRequired[list[str]]
    interval_seconds: NotRequired[int]
    timeout_seconds: NotRequired[int]
    start_period_seconds: NotRequired[int]
    retries: NotRequired[int]


class HoldingType(TypedDict):
    """An instance type that holds the model."""

    instance_type: str
    verdict: HoldingTypeVerdict
    max_context_length: int | None
    max_concurrency: float | None
    eligible: bool


class HostedModel(TypedDict):
    """A model that an engine of ours serves."""

    model_id: str
    version: NotRequired[str]
    task: NotRequired[HostedModelTask]
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
    capacity: NotRequired["Capacity"]


class InstanceList(TypedDict):
    """One page of instance types, and where what is said of them comes from: the AWS APIs now, or the dated snapshot."""

    items: list["InstanceType"]
    next_token: str | None
    region: str
    source: InstanceListSource
    as_of: str
    currency: Literal["USD"]
    price_region: str
    price_source: InstanceListPriceSource
    priced_on: str
    quotas: list["QuotaState"]


class InstanceType(TypedDict):
    """An instance type with GPUs."""

    instance_type: str
    family: str
    accelerator: str
    accelerators: int
    accelerator_memory_gib: float
    accelerator_usable_gib: float
    vcpus: int
    memory_gib: float
    architecture: str
    usd_per_hour: float | None
    usd_per_month: float | None
    price_source: str
    offered: bool | None
    bought_here: bool
    quota_code: str
    quota_left: int | None
    fit: "TypeFit | None"


class IssueToken(TypedDict):
    """`POST /tokens`: a new API token."""

    name: str
    groups: NotRequired[list[str]]
    scopes: NotRequired[list[IssueTokenScopes]]
    models: NotRequired[list[str] | None]
    expires_in_days: NotRequired[int | None]


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


class Limits(TypedDict):
    """What routers let through."""

    max_in_flight: NotRequired[int | None]
    request_seconds: NotRequired[float | None]


class LimitsList(TypedDict):
    """One page of limits; `next_token` is null on the last."""

    items: list["SubjectLimits"]
    next_token: str | None


class LimitsState(TypedDict):
    """Limits, and what is spent and left."""

    requests_per_minute: NotRequired[int | None]
    tokens_per_minute: NotRequired[int | None]
    concurrency: NotRequired[int | None]
    max_tokens: NotRequired[int | None]
    max_choices: NotRequired[int | None]
    budgets: NotRequired[list["Budget"]]
    prices: NotRequired["Prices | None"]
    kind: LimitsStateKind
    subject_id: str
    generation: int
    updated_by: str
    updated_at: str
    periods: list["BudgetState"]


class LlamaCppArguments(TypedDict):
    """What may be set for llama.cpp."""

    context_length: NotRequired[int | None]
    max_sequences: NotRequired[int]
    threads: NotRequired[int | None]
    batch_size: NotRequired[int]
    gpu_layers: NotRequired[int | None]
    prompt_cache_mib: NotRequired[int]
    pooling: NotRequired[LlamaCppArgumentsPooling | None]


class LlamaCppEngine(TypedDict):
    """llama.cpp, for small models without a GPU."""

    image: NotRequired[str | None]
    kind: Literal["llama.cpp"]
    arguments: NotRequired["LlamaCppArguments"]


class ManifestFile(TypedDict):
    """One file: its path below the artefact's prefix, its size in bytes, its SHA-256 in lower-case hex."""

    path: str
    size_bytes: int
    sha256: str


class MockArguments(TypedDict):
    """The knobs."""

    load_seconds: NotRequired[float]
    first_token_ms: NotRequired[float]
    tokens_per_second: NotRequired[float | None]
    failure_rate: NotRequired[float]
    seed: NotRequired[int]
    fail_with: NotRequired[str | None]
    crash_after_seconds: NotRequired[float | None]
    crash_after_requests: NotRequired[int | None]
    freeze_after_requests: NotRequired[int | None]
    context_length: NotRequired[int]
    embedding_dimensions: NotRequired[int]


class MockEngine(TypedDict):
    """An engine without a model, for tests and for trying the platform out."""

    image: NotRequired[str | None]
    kind: Literal["mock"]
    arguments: NotRequired["MockArguments"]


class ModelFit(TypedDict):
    """Whether the model fits where it would run (`on`: the cheapest type that may be bought, or Fargate), and how that is known."""

    verdict: ModelFitVerdict
    reason: str
    on: str
    lines: list["FitLine"]
    context_length: int | None
    concurrency: int | None
    cache_tokens: int | None
    max_context_length: int | None
    max_concurrency: float | None
    instance_types: list["HoldingType"]


class ModelList(TypedDict):
    """One page of models; `next_token` is null on the last."""

    items: list["ReadHostedModel | ReadProviderModel"]
    next_token: str | None


class ModelPatch(TypedDict):
    """A merge patch (RFC 7396) of the model resource: only what is named changes; null brings a field's default back."""

    acknowledge: NotRequired[str | None]
    model_id: NotRequired[str | None]
    hosting: NotRequired[str | None]
    task: NotRequired[str | None]
    version: NotRequired[str | None]
    description: NotRequired[str | None]
    allowed_groups: NotRequired[list[str] | None]
    tags: NotRequired[dict[str, Any] | None]
    features: NotRequired[dict[str, Any] | None]
    generation_defaults: NotRequired[dict[str, Any] | None]
    limits: NotRequired[dict[str, Any] | None]
    schedule: NotRequired[dict[str, Any] | None]
    delete_protection: NotRequired[bool | None]
    aliases: NotRequired[list[str] | None]
    fallbacks: NotRequired[list[str] | None]
    pin_groups: NotRequired[list[str] | None]
    artifact: NotRequired[dict[str, Any] | None]
    engine: NotRequired[dict[str, Any] | None]
    accelerator: NotRequired[dict[str, Any] | None]
    container: NotRequired[dict[str, Any] | None]
    capacity: NotRequired[dict[str, Any] | None]
    provider: NotRequired[dict[str, Any] | None]


class ModelUser(TypedDict):
    """One that depends on a model: since when, and through whom."""

    kind: ModelUserKind
    user_id: str
    name: NotRequired[str]
    since: str
    by: str


class ModelUsers(TypedDict):
    """All that depend on a model, by kind and id."""

    model_id: str
    items: list["ModelUser"]
    links: dict[str, str]


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


class NameOfUser(TypedDict):
    """Body of `PUT /models/{model_id}/users/{kind}/{user_id}`."""

    name: NotRequired[str]


class NextAction(TypedDict):
    """What a schedule does next: the moment in UTC, and as the clock of the schedule's zone shows it."""

    action: NextActionAction
    at: str
    local: str


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


class Plan(TypedDict):
    """What a command would do."""

    model_id: str
    generation: int
    command: PlanCommand
    changes: list["PlannedChange"]
    change_class: PlanChangeClass | None
    restarts: bool
    surge: "Surge | None"
    copies: "Counted"
    gpus: "Counted"
    fit: "ModelFit | None"
    cost: "PlannedCost"
    refused: list["RefusedField"]
    hint: str | None
    warnings: list[str]
    acknowledge: str | None


class PlanModel(TypedDict):
    """A change of a model that there is (`model_id` and `changes`), or a whole new model (`model`)."""

    model_id: NotRequired[str | None]
    changes: NotRequired["ModelPatch | None"]
    model: NotRequired["HostedModel | ProviderModel | None"]


class PlannedChange(TypedDict):
    """One field: dotted path, old and new value (null = absent), and what the change does to copies that run."""

    path: str
    before: Any
    after: Any
    change_class: PlannedChangeChangeClass


class PlannedCost(TypedDict):
    """Costs now and after the command, at the prices of a region on a day."""

    currency: Literal["USD"]
    price_region: str
    priced_on: str
    source: PlannedCostSource
    before: "Costs"
    after: "Costs"


class Prices(TypedDict):
    """What a model's tokens count for in budgets of money: US dollars for a million of them."""

    input_usd: float
    output_usd: float
    cached_input_usd: NotRequired[float | None]


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


class Provider(TypedDict):
    """A third party that answers in our stead."""

    name: str
    model: str
    api_base: NotRequired[str | None]
    region: NotRequired[str | None]
    secret: NotRequired[str | None]


class ProviderModel(TypedDict):
    """A model that a third party serves; nothing is provisioned."""

    model_id: str
    version: NotRequired[str]
    task: NotRequired[ProviderModelTask]
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


class QuotaState(TypedDict):
    """A quota of EC2, in vCPUs; null = not known."""

    code: str
    limit_vcpus: float | None
    used_vcpus: float | None
    left_vcpus: float | None


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


class RefusedField(TypedDict):
    """A field that the command itself would be refused for: it asks for what certainly cannot be."""

    path: str
    code: str
    message: str


class RouteVersion(TypedDict):
    """One version's share of a route's traffic."""

    version: str
    weight: int


class ScalingTarget(TypedDict):
    """The load that one task should carry."""

    metric: NotRequired[ScalingTargetMetric]
    value: NotRequired[float]


class Schedule(TypedDict):
    """In service within the windows, stopped outside of them."""

    time_zone: str
    windows: list["Window"]
    lead_minutes: NotRequired[int]
    enabled: NotRequired[bool]


class ScheduleState(TypedDict):
    """A model's schedule and how it stands."""

    model_id: str
    generation: int
    schedule: "Schedule"
    in_window: bool
    next_action: "NextAction | None"
    overridden_until: str | None


class SetLimits(TypedDict):
    """`PUT /limits/{subject_kind}/{subject_id}`: what is left out (or null) is not limited."""

    requests_per_minute: NotRequired[int | None]
    tokens_per_minute: NotRequired[int | None]
    concurrency: NotRequired[int | None]
    max_tokens: NotRequired[int | None]
    max_choices: NotRequired[int | None]
    budgets: NotRequired[list["Budget"]]
    prices: NotRequired["Prices | None"]


class SetTraffic(TypedDict):
    """Body of `PUT /models/{model_id}/traffic`."""

    versions: list["RouteVersion"]


class SubjectLimits(TypedDict):
    """Limits as they are kept, and as routers follow them."""

    requests_per_minute: NotRequired[int | None]
    tokens_per_minute: NotRequired[int | None]
    concurrency: NotRequired[int | None]
    max_tokens: NotRequired[int | None]
    max_choices: NotRequired[int | None]
    budgets: NotRequired[list["Budget"]]
    prices: NotRequired["Prices | None"]
    kind: SubjectLimitsKind
    subject_id: str
    generation: int
    updated_by: str
    updated_at: str


class Summarization(TypedDict):
    """Whether the model may be used to summarise, and how that is described to people."""

    enabled: NotRequired[bool]
    description: NotRequired[str]


class Surge(TypedDict):
    """Whether the new copies fit beside the present ones, so that nothing is interrupted."""

    fits: bool
    reason: str


class Timeline(TypedDict):
    """One page of a model's ledger; `next_token` is null on the last."""

    items: list["TimelineEntry"]
    next_token: str | None


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


class Token(TypedDict):
    """A token as it is shown afterwards: everything but the token."""

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


class TokenList(TypedDict):
    """One page of tokens, without the tokens themselves; `next_token` is null on the last."""

    items: list["Token"]
    next_token: str | None


class Traffic(TypedDict):
    """How a model's traffic is shared now."""

    model_id: str
    generation: int
    state: str
    shared_by: TrafficSharedBy
    versions: list["VersionTraffic"]
    pin_groups: list[str]
    links: dict[str, str]


class TypeFit(TypedDict):
    """Whether a type holds the model that was asked about."""

    verdict: TypeFitVerdict
    reason: str
    max_context_length: int | None
    max_concurrency: float | None


class UsageItem(TypedDict):
    """One group of `GET /usage`: the dimensions that were asked for, and the sums."""

    requests: NotRequired[int]
    failed: NotRequired[int]
    broken_off: NotRequired[int]
    estimated: NotRequired[int]
    input_tokens: NotRequired[int]
    output_tokens: NotRequired[int]
    cached_tokens: NotRequired[int]
    reasoning_tokens: NotRequired[int]
    images: NotRequired[int]
    audio_ms: NotRequired[int]
    characters: NotRequired[int]
    day: NotRequired[str | None]
    model: NotRequired[str | None]
    version: NotRequired[str | None]
    token: NotRequired[str | None]
    group: NotRequired[str | None]
    mean_first_token_ms: NotRequired[int | None]
    mean_duration_ms: NotRequired[int | None]
    cost_micro_usd: int | None
    unpriced_requests: int


class UsagePage(TypedDict):
    """A page of `GET /usage`."""

    items: list["UsageItem"]
    totals: "UsageTotals"
    next_token: str | None
    prices_as_of: str


class UsageTotals(TypedDict):
    """Of all pages together."""

    requests: NotRequired[int]
    failed: NotRequired[int]
    broken_off: NotRequired[int]
    estimated: NotRequired[int]
    input_tokens: NotRequired[int]
    output_tokens: NotRequired[int]
    cached_tokens: NotRequired[int]
    reasoning_tokens: NotRequired[int]
    images: NotRequired[int]
    audio_ms: NotRequired[int]
    characters: NotRequired[int]
    cost_micro_usd: int | None
    unpriced_requests: int


class VersionList(TypedDict):
    """One page of versions; `next_token` is null on the last."""

    items: list["ModelVersion"]
    next_token: str | None


class VersionTraffic(TypedDict):
    """One version's share, and how many targets it has to answer it with."""

    version: str
    weight: int
    ready: int
    probing: int
    draining: int


class VllmArguments(TypedDict):
    """What may be set for vLLM."""

    context_length: NotRequired[int | Literal["auto"]]
    max_sequences: NotRequired[int | None]
    max_batched_tokens: NotRequired[int | None]
    max_queued_requests: NotRequired[int]
    gpu_memory_utilization: NotRequired[float | None]
    kv_cache_dtype: NotRequired[VllmArgumentsKvCacheDtype | None]
    dtype: NotRequired[VllmArgumentsDtype | None]
    quantization: NotRequired[str | None]
    load_format: NotRequired[VllmArgumentsLoadFormat | None]
    tensor_parallel_size: NotRequired[int]
    pipeline_parallel_size: NotRequired[int]
    enable_expert_parallel: NotRequired[bool | None]
    enable_prefix_caching: NotRequired[bool | None]
    enforce_eager: NotRequired[bool | None]
    optimization_level: NotRequired[int | None]
    max_cudagraph_capture_size: NotRequired[int | None]
    tool_call_parser: NotRequired[str | None]
    reasoning_parser: NotRequired[str | None]
    generation_config: NotRequired[VllmArgumentsGenerationConfig]
    generation_overrides: NotRequired[dict[str, Any] | None]
    chat_template_arguments: NotRequired[dict[str, Any] | None]
    limit_multimodal_items: NotRequired[dict[str, Any] | None]
    force_include_usage: NotRequired[bool | None]


class VllmEngine(TypedDict):
    """vLLM, for models on GPUs."""

    image: NotRequired[str | None]
    kind: Literal["vllm"]
    arguments: NotRequired["VllmArguments"]


class Window(TypedDict):
    """When the model shall be in service, by the clock of the schedule's zone."""

    days: list[WindowDays]
    opens: str
    closes: str


ENDPOINTS: Final[Mapping[str, Endpoint]] = MappingProxyType(
    {
        "create_model": Endpoint("POST", "/models", query=("dry_run",), body=True, idempotent=True),
        "list_models": Endpoint(
            "GET",
            "/models",
            query=(
                "limit",
                "next_token",
                "status",
                "hosting",
                "group",
                "tag",
                "prefix",
                "order",
            ),
        ),
        "plan_model": Endpoint("POST", "/models/plan", body=True),
        "list_instances": Endpoint(
            "GET",
            "/instances",
            query=(
                "limit",
                "next_token",
                "gpus_min",
                "memory_min",
                "family",
                "fits_model",
                "offered",
            ),
        ),
        "read_model": Endpoint("GET", "/models/{model_id}"),
        "update_model": Endpoint("PATCH", "/models/{model_id}", query=("dry_run",), body=True, idempotent=True, conditional=True),
        "delete_model": Endpoint("DELETE", "/models/{model_id}", query=("dry_run",), idempotent=True, conditional=True),
        "start_model": Endpoint("POST", "/models/{model_id}/start", query=("dry_run",), idempotent=True, conditional=True),
        "stop_model": Endpoint("POST", "/models/{model_id}/stop", query=("dry_run",), idempotent=True, conditional=True),
        "list_model_users": Endpoint("GET", "/models/{model_id}/users"),
        "add_model_user": Endpoint("PUT", "/models/{model_id}/users/{kind}/{user_id}", body=True, idempotent=True),
        "remove_model_user": Endpoint("DELETE", "/models/{model_id}/users/{kind}/{user_id}", idempotent=True),
        "set_schedule": Endpoint("PUT", "/models/{model_id}/schedule", query=("dry_run",), body=True, idempotent=True, conditional=True),
        "read_schedule": Endpoint("GET", "/models/{model_id}/schedule"),
        "remove_schedule": Endpoint("DELETE", "/models/{model_id}/schedule", query=("dry_run",), idempotent=True, conditional=True),
        "set_traffic": Endpoint("PUT", "/models/{model_id}/traffic", body=True, idempotent=True, conditional=True),
        "read_traffic": Endpoint("GET", "/models/{model_id}/traffic"),
        "retry_model": Endpoint("POST", "/models/{model_id}/retry", query=("dry_run",), idempotent=True, conditional=True),
        "list_model_events": Endpoint(
            "GET",
            "/models/{model_id}/events",
            query=(
                "limit",
                "next_token",
                "order",
            ),
        ),
        "list_versions": Endpoint(
            "GET",
            "/models/{model_id}/versions",
            query=(
                "limit",
                "next_token",
            ),
        ),
        "read_version": Endpoint("GET", "/models/{model_id}/versions/{version}"),
        "read_operation": Endpoint("GET", "/operations/{operation_id}"),
        "cancel_operation": Endpoint("POST", "/operations/{operation_id}/cancel", idempotent=True),
        "read_audit": Endpoint(
            "GET",
            "/audit",
            query=(
                "actor",
                "model_id",
                "event_type",
                "since",
                "until",
                "order",
                "format",
                "limit",
                "next_token",
            ),
        ),
        "read_usage": Endpoint(
            "GET",
            "/usage",
            query=(
                "from",
                "to",
                "group_by",
                "model",
                "version",
                "token",
                "group",
                "format",
                "limit",
                "next_token",
            ),
        ),
        "issue_token": Endpoint("POST", "/tokens", body=True, idempotent=True),
        "list_tokens": Endpoint(
            "GET",
            "/tokens",
            query=(
                "limit",
                "next_token",
            ),
        ),
        "read_token": Endpoint("GET", "/tokens/{token_id}"),
        "revoke_token": Endpoint("DELETE", "/tokens/{token_id}", idempotent=True),
        "list_limits": Endpoint(
            "GET",
            "/limits",
            query=(
                "limit",
                "next_token",
                "kind",
            ),
        ),
        "set_limits": Endpoint("PUT", "/limits/{subject_kind}/{subject_id}", body=True, idempotent=True, conditional=True),
        "read_limits": Endpoint("GET", "/limits/{subject_kind}/{subject_id}"),
        "remove_limits": Endpoint("DELETE", "/limits/{subject_kind}/{subject_id}", idempotent=True, conditional=True),
        "read_api_document": Endpoint("GET", "/openapi.json"),
    }
)
"""Every endpoint by its name in the OpenAPI document."""
