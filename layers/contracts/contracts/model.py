"""The model resource, with the same names in the API, the events, the CLI and the console."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, TypeAdapter, field_validator, model_validator

from contracts.common import RESERVED_MODEL_IDS, Alias, Contract, Group, ModelId, Semver, Sha256, Task, WholeNumber
from contracts.engine_arguments import LlamaCppArguments, MockArguments, VllmArguments
from contracts.inference import kinds_for

_ENVIRONMENT_ALLOWED = re.compile(
    r"^(VLLM_(LOGGING_LEVEL|ATTENTION_BACKEND|ENGINE_READY_TIMEOUT_S|EXECUTE_MODEL_TIMEOUT_SECONDS|ENABLE_STARTUP_PLAN|SKIP_P2P_CHECK"
    r"|MAX_N_SEQUENCES|MAX_COMPLETION_PROMPTS|MAX_STOP_STRINGS|MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS|CPU_KVCACHE_SPACE|CPU_OMP_THREADS_BIND"
    r"|USE_V2_MODEL_RUNNER|MAX_MEDIA_DOWNLOAD_SIZE_MB)|NCCL_DEBUG|NCCL_P2P_DISABLE|OMP_NUM_THREADS|TOKENIZERS_PARALLELISM|TZ"
    r"|RUNAI_STREAMER_(CONCURRENCY|CHUNK_BYTESIZE|MEMORY_LIMIT)|SLIPWAY_(DRAIN_SECONDS|START_TIMEOUT_SECONDS))$"
)
_PROGRAM = re.compile(r"^/[a-z0-9/_-]{1,64}$")
_RUNS_OTHERS = re.compile(
    r"((ba|da|a|z|k|c|tc|fi)?sh|busybox|env|exec|xargs|nohup|timeout|python.*|perl|ruby|node|php|lua|awk|sed|curl|wget|nc|ncat|socat)"
)
_PROGRAM_ARGUMENT = re.compile(r"^[A-Za-z0-9_./:=-]{1,128}$")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_TAG_KEY = r"^[A-Za-z0-9+=._:/@-]{1,128}$"
_S3_PREFIX = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/([A-Za-z0-9!_.*'()-]+/)+$"
_SECRET_ARN = r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]{1,512}$"  # noqa: S105 - the form of a reference

UNGUARDED_PROVIDERS = frozenset({"aiohttp_openai", "gdc", "sap"})
"""LiteLLM's clients for these make connections of their own, which routers could not keep from addresses inside."""

TagKey = Annotated[str, StringConstraints(pattern=_TAG_KEY)]
TagValue = Annotated[str, StringConstraints(max_length=256)]


class Summarization(Contract):
    """Whether the model may be used to summarise, and how that is described to people."""

    enabled: bool = False
    description: str = Field(default="", max_length=1024)


class Features(Contract):
    """What callers may ask of the model."""

    streaming: bool = True
    tool_calls: bool = False
    image_input: bool = False
    audio_input: bool = False
    summarization: Summarization = Summarization()


class GenerationDefaults(Contract):
    """Used where a request does not say otherwise."""

    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=-1, le=1000)
    stop: list[Annotated[str, StringConstraints(min_length=1, max_length=256)]] | None = Field(default=None, max_length=4)
    seed: WholeNumber | None = None


class Artifact(Contract):
    """Where the weights are, and the digest of the manifest that names every file's own digest."""

    uri: str = Field(pattern=_S3_PREFIX, max_length=1024, examples=["s3://slipway-artifacts/smollm2-135m/1.0.0/"])
    manifest_sha256: Sha256


class _Engine(Contract):
    image: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9._/:-]{0,254}@sha256:[0-9a-f]{64}$",
        description="null = the environment's image for that kind",
    )


class VllmEngine(_Engine):
    """vLLM, for models on GPUs."""

    kind: Literal["vllm"]
    arguments: VllmArguments = Field(default_factory=VllmArguments)


class LlamaCppEngine(_Engine):
    """llama.cpp, for small models without a GPU."""

    kind: Literal["llama.cpp"]
    arguments: LlamaCppArguments = Field(default_factory=LlamaCppArguments)


class MockEngine(_Engine):
    """An engine without a model, for tests and for trying the platform out."""

    kind: Literal["mock"]
    arguments: MockArguments = Field(default_factory=MockArguments)


Engine = Annotated[VllmEngine | LlamaCppEngine | MockEngine, Field(discriminator="kind")]
"""The program that answers, and its typed arguments."""


class Accelerator(Contract):
    """What the engine needs to run on."""

    gpus: int = Field(default=0, ge=0, le=16)
    gpu_memory_gib: float | None = Field(default=None, gt=0, le=8192)
    instance_types: list[Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,16}\.[a-z0-9-]{1,16}$")]] = Field(
        default_factory=list, max_length=30
    )


class HealthCheck(Contract):
    """The container's health check, run without a shell. Times in seconds, within what ECS takes."""

    command: list[str] = Field(default_factory=lambda: ["/app/health"], min_length=1, max_length=8)
    interval_seconds: int = Field(default=10, ge=5, le=300)
    timeout_seconds: int = Field(default=5, ge=2, le=60)
    start_period_seconds: int = Field(default=60, ge=0, le=300)
    retries: int = Field(default=3, ge=1, le=10)

    @field_validator("command")
    @classmethod
    def _names_a_program_and_plain_arguments(cls, command: list[str]) -> list[str]:
        if not _PROGRAM.fullmatch(command[0]):
            msg = "the first word must be the path of a program in the image, such as /app/health"
            raise ValueError(msg)
        if _RUNS_OTHERS.fullmatch(command[0].rsplit("/", 1)[-1]):
            msg = "the program must look after the engine itself: shells, interpreters and programs that call others are not taken"
            raise ValueError(msg)
        if not all(_PROGRAM_ARGUMENT.fullmatch(argument) for argument in command[1:]):
            msg = "arguments take letters, digits and _ . / : = - only; there is no shell"
            raise ValueError(msg)
        return command


class Container(Contract):
    """How the engine's container is run."""

    environment: dict[str, Annotated[str, StringConstraints(max_length=1024, pattern=r"^[\x20-\x7e]*$")]] = Field(
        default_factory=dict, max_length=32
    )
    shared_memory_mib: int = Field(default=64, ge=1, le=1_048_576)
    health_check: HealthCheck = Field(default_factory=HealthCheck)

    @field_validator("environment")
    @classmethod
    def _stays_on_the_allow_list(cls, environment: dict[str, str]) -> dict[str, str]:
        refused = sorted(name for name in environment if not _ENVIRONMENT_ALLOWED.fullmatch(name))
        if refused:
            msg = f"not on the allow-list: {', '.join(name[:64] for name in refused)}"
            raise ValueError(msg)
        return environment


class ScalingTarget(Contract):
    """The load that one task should carry."""

    metric: Literal["in_flight_per_task", "queue_per_task", "time_to_first_token_ms", "tokens_per_second_per_task"] = "in_flight_per_task"
    value: float = Field(default=8, gt=0)


class Capacity(Contract):
    """How many tasks, between which bounds, and how quickly that may change."""

    min: int = Field(default=0, ge=0, le=1000)
    max: int = Field(default=1, ge=0, le=1000)
    desired: int = Field(default=1, ge=0, le=1000)
    cooldown_seconds: int = Field(default=60, ge=0, le=86_400)
    instance_warmup_seconds: int = Field(default=60, ge=0, le=86_400)
    target: ScalingTarget = Field(default_factory=ScalingTarget)
    idle_minutes: int | None = Field(default=None, ge=1, le=10_080)

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> Self:
        if not self.min <= self.desired <= self.max:
            msg = f"min <= desired <= max does not hold for {self.min}, {self.desired}, {self.max}"
            raise ValueError(msg)
        return self


class Limits(Contract):
    """What routers let through. Each router task counts for itself."""

    max_in_flight: int | None = Field(default=None, ge=1, le=100_000, description="requests at a time per router task; null = no limit")
    request_seconds: float | None = Field(
        default=None,
        ge=0.1,
        le=86_400,
        description="how long a request may take, its answer included; null = no limit but the caller's own",
    )


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Window(Contract):
    """When the model shall be in service, by the clock of the schedule's zone. One that closes before it opens ends on the next day."""

    days: list[Weekday] = Field(min_length=1, max_length=7, examples=[["mon", "tue", "wed", "thu", "fri"]], description="days it opens on")
    opens: TimeOfDay = Field(examples=["08:00"])
    closes: TimeOfDay = Field(examples=["18:00"])


class Schedule(Contract):
    """In service within the windows, stopped outside of them. A manual start or stop holds until the next boundary."""

    time_zone: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$", examples=["Europe/Berlin"], description="IANA name")
    windows: list[Window] = Field(min_length=1, max_length=28)
    lead_minutes: int = Field(default=0, ge=0, le=120, description="how long before a window opens the start begins")
    enabled: bool = True


class Provider(Contract):
    """A third party that answers in our stead. `secret` refers to the Secrets Manager secret that holds the API key."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,31}$")] = Field(examples=["bedrock"])
    model: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,255}$", examples=["anthropic.claude-sonnet-4-5"])
    api_base: str | None = Field(default=None, max_length=2048)
    region: str | None = Field(default=None, pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")
    secret: str | None = Field(default=None, pattern=_SECRET_ARN)

    @field_validator("name")
    @classmethod
    def _goes_where_routers_can_see_it(cls, name: str) -> str:
        if name in UNGUARDED_PROVIDERS:
            msg = f"{name} is not offered: its client cannot be kept from addresses inside the network"
            raise ValueError(msg)
        return name

    @field_validator("model")
    @classmethod
    def _is_a_name_and_no_address(cls, model: str) -> str:
        if "//" in model or ".." in model:
            msg = "must be the name that the provider gives the model, without // or .., which would make an address of it"
            raise ValueError(msg)
        return model

    @field_validator("api_base")
    @classmethod
    def _is_a_plain_https_address(cls, api_base: str | None) -> str | None:
        if api_base is None:
            return None
        if re.search(r"[\s\\\x00-\x20]", api_base) or "%" in api_base.split("//", 1)[-1].split("/", 1)[0]:
            msg = "holds characters that no address needs"
            raise ValueError(msg)
        parts = urlsplit(api_base)
        if parts.scheme not in {"https", "http"} or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
            msg = "must be https://host[:port]/path without user, query or fragment"
            raise ValueError(msg)
        if not _HOST.fullmatch(parts.hostname):
            msg = "the host takes letters, digits and . - _ only; write other alphabets in their xn-- form"
            raise ValueError(msg)
        return api_base


class _Model(Contract):
    model_id: ModelId
    version: Semver = "1.0.0"
    task: Task = "chat"
    description: str = Field(default="", max_length=4096)
    allowed_groups: list[Group] = Field(
        min_length=1, max_length=100, description="groups that may see and call the model; `*` = every authenticated caller"
    )
    tags: dict[TagKey, TagValue] = Field(default_factory=dict, max_length=40)
    features: Features = Field(default_factory=Features)
    generation_defaults: GenerationDefaults = Field(default_factory=GenerationDefaults)
    limits: Limits = Field(default_factory=Limits)
    schedule: Schedule | None = None
    delete_protection: bool = Field(default=False, description="while true, a deletion is refused")
    aliases: list[Alias] = Field(
        default_factory=list,
        max_length=10,
        description="other names by which callers may ask it; none is another model's id or alias",
    )
    fallbacks: list[ModelId] = Field(
        default_factory=list,
        max_length=5,
        description="models that answer while this one cannot, in this order, to callers who may use them",
    )
    pin_groups: list[Group] = Field(
        default_factory=list, max_length=100, description="groups that may choose the version that answers; administrators always may"
    )

    @model_validator(mode="after")
    def _has_each_name_once(self) -> Self:
        if self.model_id in self.aliases or len(set(self.aliases)) != len(self.aliases):
            msg = "aliases holds other names than model_id, each of them once"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _falls_back_on_others(self) -> Self:
        if self.model_id in self.fallbacks or len(set(self.fallbacks)) != len(self.fallbacks):
            msg = "fallbacks names other models, each of them once"
            raise ValueError(msg)
        return self

    @field_validator("model_id")
    @classmethod
    def _is_not_reserved(cls, model_id: str) -> str:
        if model_id in RESERVED_MODEL_IDS:
            msg = f"{model_id} is reserved"
            raise ValueError(msg)
        return model_id


class HostedModel(_Model):
    """A model that an engine of ours serves."""

    hosting: Literal["hosted"]
    artifact: Artifact
    engine: Engine
    accelerator: Accelerator = Field(default_factory=Accelerator)
    container: Container = Field(default_factory=Container)
    capacity: Capacity = Field(default_factory=Capacity)

    @model_validator(mode="after")
    def _has_an_engine_for_its_task(self) -> Self:
        able = kinds_for(self.task)
        if self.engine.kind not in able:
            msg = f"no engine of kind {self.engine.kind} does the task {self.task}; what does: {', '.join(sorted(able))}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _says_how_tool_calls_are_read(self) -> Self:
        if self.features.tool_calls and isinstance(self.engine, VllmEngine) and self.engine.arguments.tool_call_parser is None:
            msg = "features.tool_calls needs engine.arguments.tool_call_parser: the parser of the model's family, such as hermes"
            raise ValueError(msg)
        return self


class ProviderModel(_Model):
    """A model that a third party serves; nothing is provisioned."""

    hosting: Literal["provider"]
    provider: Provider


ModelSpec = Annotated[HostedModel | ProviderModel, Field(discriminator="hosting")]
MODEL_SPEC: TypeAdapter[HostedModel | ProviderModel] = TypeAdapter(ModelSpec)
"""Validates what `POST /models` takes: `MODEL_SPEC.validate_python(document)`."""
