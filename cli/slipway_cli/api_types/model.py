"""What the management API takes and answers: model. Generated from its OpenAPI document by `make contracts`: do not edit."""

from typing import Any, Literal, NotRequired, TypedDict

from slipway_cli.api_types.engine_arguments import LlamaCppArguments, MockArguments, VllmArguments

HostedModelTask = Literal["chat", "completion", "embedding", "rerank", "image", "transcription", "speech", "moderation"]
ProviderModelTask = Literal["chat", "completion", "embedding", "rerank", "image", "transcription", "speech", "moderation"]
ScalingTargetMetric = Literal["in_flight_per_task", "queue_per_task", "time_to_first_token_ms", "tokens_per_second_per_task"]
WindowDays = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Accelerator(TypedDict):
    """What the engine needs to run on."""

    gpus: NotRequired[int]
    gpu_memory_gib: NotRequired[float | None]
    instance_types: NotRequired[list[str]]


class Artifact(TypedDict):
    """Where the weights are, and the digest of the manifest that names every file's own digest."""

    uri: str
    manifest_sha256: str


class Capacity(TypedDict):
    """How many tasks, between which bounds, and how quickly that may change."""

    min: NotRequired[int]
    max: NotRequired[int]
    desired: NotRequired[int]
    cooldown_seconds: NotRequired[int]
    instance_warmup_seconds: NotRequired[int]
    target: NotRequired["ScalingTarget"]
    idle_minutes: NotRequired[int | None]


class Container(TypedDict):
    """How the engine's container is run."""

    environment: NotRequired[dict[str, str]]
    shared_memory_mib: NotRequired[int]
    health_check: NotRequired["HealthCheck"]


class Features(TypedDict):
    """What callers may ask of the model."""

    streaming: NotRequired[bool]
    tool_calls: NotRequired[bool]
    image_input: NotRequired[bool]
    audio_input: NotRequired[bool]
    summarization: NotRequired["Summarization"]


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


class Limits(TypedDict):
    """What routers let through."""

    max_in_flight: NotRequired[int | None]
    request_seconds: NotRequired[float | None]


class LlamaCppEngine(TypedDict):
    """llama.cpp, for small models without a GPU."""

    image: NotRequired[str | None]
    kind: Literal["llama.cpp"]
    arguments: NotRequired["LlamaCppArguments"]


class MockEngine(TypedDict):
    """An engine without a model, for tests and for trying the platform out."""

    image: NotRequired[str | None]
    kind: Literal["mock"]
    arguments: NotRequired["MockArguments"]


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


class Summarization(TypedDict):
    """Whether the model may be used to summarise, and how that is described to people."""

    enabled: NotRequired[bool]
    description: NotRequired[str]


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
