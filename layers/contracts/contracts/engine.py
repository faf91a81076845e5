"""The engine's container contract: how a container of ours is configured, what it says of itself, and how it dies.

Standard library only, so that a function may import the table of failures without paying for pydantic. The body of
`GET /status` is modelled in `contracts.engine_status`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

ENGINE_CONTAINER_NAME: Final = "engine"
ENGINE_PORT: Final = 8080
KILLED_BY_KERNEL: Final = 137
"""Exit status of a process ended by SIGKILL, which is how the kernel and the container runtime end one that is out of memory."""
TERMINATED: Final = 143
"""Exit status of a process ended by SIGTERM before it could drain."""


class EngineKind(StrEnum):
    """The engines that the supervisor can run."""

    VLLM = "vllm"
    LLAMA_CPP = "llama.cpp"
    MOCK = "mock"


class Phase(StrEnum):
    """Where an engine container is in its life; it only moves down this list."""

    FETCHING = "fetching"
    VERIFYING = "verifying"
    STARTING = "starting"
    LOADING = "loading"
    WARMING = "warming"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"


class EngineTask(StrEnum):
    """What the model is asked to do, which decides what a probing request looks like."""

    CHAT = "chat"
    COMPLETION = "completion"
    EMBEDDING = "embedding"
    RERANK = "rerank"
    IMAGE = "image"
    TRANSCRIPTION = "transcription"
    SPEECH = "speech"
    MODERATION = "moderation"


class Variable(StrEnum):
    """Environment variables that the container reads."""

    MODEL_ID = "SLIPWAY_MODEL_ID"
    MODEL_VERSION = "SLIPWAY_MODEL_VERSION"
    ENGINE_KIND = "SLIPWAY_ENGINE_KIND"
    TASK = "SLIPWAY_TASK"
    ARTIFACT_URI = "SLIPWAY_ARTIFACT_URI"
    ARTIFACT_OWNER = "SLIPWAY_ARTIFACT_OWNER"
    MANIFEST_SHA256 = "SLIPWAY_MANIFEST_SHA256"
    ENGINE_ARGUMENTS = "SLIPWAY_ENGINE_ARGUMENTS"
    FEATURES = "SLIPWAY_FEATURES"
    CACHE_DIR = "SLIPWAY_CACHE_DIR"
    CACHE_LIMIT_GIB = "SLIPWAY_CACHE_LIMIT_GIB"
    BAKED_DIR = "SLIPWAY_BAKED_DIR"
    LISTEN_HOST = "SLIPWAY_LISTEN_HOST"
    LISTEN_PORT = "SLIPWAY_LISTEN_PORT"
    DRAIN_SECONDS = "SLIPWAY_DRAIN_SECONDS"
    START_TIMEOUT_SECONDS = "SLIPWAY_START_TIMEOUT_SECONDS"
    FAILURE_LINGER_SECONDS = "SLIPWAY_FAILURE_LINGER_SECONDS"
    API_KEY = "ENGINE_API_KEY"


@dataclass(frozen=True, slots=True)
class Failure:
    """One way to fail: its stable code, the container's exit status (None where the container never ran), a sentence and what to do."""

    code: str
    exit_status: int | None
    message: str
    hint: str


_CATALOGUE: Final = (
    Failure(
        "configuration-invalid",
        64,
        "The engine's configuration is not valid.",
        "Correct engine.arguments or container.environment; the message names the field.",
    ),
    Failure(
        "manifest-invalid",
        65,
        "The artefact's manifest is malformed, or does not match its digest.",
        "Publish the artefact again with a manifest.json, and use the SHA-256 of its exact bytes.",
    ),
    Failure(
        "weights-not-found",
        66,
        "The model's files are not where the artefact's address says.",
        "Check artifact.uri: bucket, prefix and the files that the manifest lists.",
    ),
    Failure(
        "weights-access-denied",
        67,
        "The engine may not read the model's files.",
        "Grant the engine's task role s3:GetObject on the prefix and kms:Decrypt on its key.",
    ),
    Failure(
        "weights-corrupt",
        68,
        "A file's SHA-256 digest or format is not what the manifest promises.",
        "Upload the named file again, or publish a new version with a correct manifest.",
    ),
    Failure(
        "weights-download-failed",
        69,
        "The model's files could not be downloaded.",
        "Retry; if it persists, check the network path from the task to S3.",
    ),
    Failure(
        "disk-full",
        70,
        "There is not enough disk space for the model's files.",
        "Use an instance type or a task with more storage, or a smaller or quantised model.",
    ),
    Failure(
        "model-incomplete",
        71,
        "The artefact lacks a file that the engine needs.",
        "Add the missing configuration, tokenizer or weights to the artefact and publish a new version.",
    ),
    Failure(
        "model-unsupported",
        72,
        "This engine cannot run this model's architecture or format.",
        "Use an engine version that supports the architecture, or another engine kind.",
    ),
    Failure(
        "quantization-unsupported",
        73,
        "This quantisation does not work with this model or this GPU.",
        "Remove engine.arguments.quantization, or choose an instance type whose GPU supports it.",
    ),
    Failure(
        "context-too-long",
        74,
        "The context length asked for is more than the model or the GPU's memory allows.",
        "Lower engine.arguments.context_length.",
    ),
    Failure(
        "out-of-memory-gpu",
        75,
        "The GPU does not have enough free memory for this model.",
        "Choose a GPU with more memory, spread the model over more GPUs, quantise it, or lower the context length.",
    ),
    Failure(
        "gpu-unavailable",
        76,
        "The engine finds no usable GPU.",
        "Check accelerator.gpus and that the capacity provider's instances have GPUs.",
    ),
    Failure(
        "gpu-driver-mismatch",
        77,
        "The instance's GPU driver is too old or does not match the engine's CUDA version.",
        "Use the current ECS GPU image (driver 580 or newer) or an engine image for the installed driver.",
    ),
    Failure(
        "port-in-use",
        78,
        "The port that the engine must listen on is taken.",
        "Stop what uses the port; in ECS, use the awsvpc network mode.",
    ),
    Failure(
        "engine-not-installed",
        79,
        "The container image does not hold this kind of engine.",
        "Use the image that belongs to engine.kind.",
    ),
    Failure(
        "engine-crashed",
        80,
        "The engine stopped by itself.",
        "Read the engine's log at the time of the failure; retry starts it again.",
    ),
    Failure(
        "engine-start-timeout",
        81,
        "The engine did not become ready in time.",
        "Raise the health check's start period for large models, or use faster storage.",
    ),
    Failure(
        "engine-unresponsive",
        82,
        "The engine accepted requests but stopped making progress.",
        "It is restarted; if it recurs, read the log before the failure and consider another engine version.",
    ),
    Failure(
        "engine-answer-invalid",
        83,
        "The engine started, but its first answer was an error.",
        "Check that the task fits the model (chat models need a chat template) and read the engine's log.",
    ),
    Failure(
        "out-of-memory-host",
        KILLED_BY_KERNEL,
        "The container ran out of main memory and was killed.",
        "Give the task more memory, or choose an instance type with more.",
    ),
    Failure(
        "task-terminated",
        TERMINATED,
        "The container was told to stop before it was ready.",
        "Nothing to do if you stopped it; else see the task's stop reason.",
    ),
    Failure(
        "image-pull-failed",
        None,
        "The container image could not be pulled.",
        "Check the image's name and digest, the registry's permissions, and the network path to it.",
    ),
    Failure(
        "task-resources-unavailable",
        None,
        "The task's secrets, logs or network could not be set up.",
        "Check the task execution role's permissions and the network path to Secrets Manager and CloudWatch Logs.",
    ),
    Failure(
        "capacity-unavailable",
        None,
        "No instance with the resources asked for could be had.",
        "Choose other instance types or zones, or try again later.",
    ),
    Failure(
        "quota-exceeded",
        None,
        "The account's quota of running instances of this kind is used up.",
        "Ask Service Quotas for more vCPUs (G and VT on demand: L-DB2E81BA, P: L-417A185B), stop a model, or choose other instance types.",
    ),
    Failure(
        "spot-quota-exceeded",
        None,
        "The account's quota of spot instances of this kind is used up.",
        "Ask Service Quotas for more (G and VT spot: L-3819A6DF; it begins at 0), or use on-demand capacity.",
    ),
    Failure(
        "spot-interrupted",
        None,
        "AWS has taken back the spot instance under the task.",
        "A replacement starts by itself; use on-demand capacity if this happens often.",
    ),
    Failure(
        "host-lost",
        None,
        "The instance under the task was lost.",
        "A replacement starts by itself; if it recurs, look at the instance's health events.",
    ),
    Failure(
        "ecs-throttled",
        None,
        "AWS throttles ECS's calls on this account, so that tasks start late.",
        "Nothing to do if it passes; else start fewer models at a time, or ask for higher API limits.",
    ),
    Failure(
        "start-impaired",
        None,
        "ECS cannot start this model's tasks reliably.",
        "Look at the failures of single tasks in the timeline, and at the engine's log.",
    ),
    Failure(
        "task-configuration-invalid",
        None,
        "ECS cannot start a task with this configuration.",
        "Correct what ECS names: the roles, tags or network of the environment.",
    ),
    Failure(
        "deployment-failed",
        None,
        "ECS has given up starting this model's tasks.",
        "Look at the failures of single tasks in the timeline, and at the engine's log; then retry.",
    ),
)

FAILURES: Final[Mapping[str, Failure]] = MappingProxyType({failure.code: failure for failure in _CATALOGUE})
"""Every failure by its code. Codes and exit statuses are stable: never reuse one."""

_BY_EXIT_STATUS: Final = {failure.exit_status: failure for failure in _CATALOGUE if failure.exit_status is not None}

_BY_STOP_REASON: Final = (
    ("CannotPullContainer", "image-pull-failed"),
    ("CannotPullImageManifest", "image-pull-failed"),
    ("CannotPullECRContainer", "image-pull-failed"),
    ("OutOfMemory", "out-of-memory-host"),
    ("Container killed due to memory usage", "out-of-memory-host"),
    ("ResourceInitialization", "task-resources-unavailable"),
    ("CannotStartContainer", "task-resources-unavailable"),
    ("CannotCreateVolume", "task-resources-unavailable"),
    ("MaxSpotInstanceCountExceeded", "spot-quota-exceeded"),
    ("VcpuLimitExceeded", "quota-exceeded"),
    ("InstanceLimitExceeded", "quota-exceeded"),
    ("InsufficientInstanceCapacity", "capacity-unavailable"),
    ("UnfulfillableCapacity", "capacity-unavailable"),
    ("Capacity is unavailable", "capacity-unavailable"),
    ("met all of its requirements", "capacity-unavailable"),
    ("provisioning capacity limit", "capacity-unavailable"),
    ("RESOURCE:", "capacity-unavailable"),
    ("NO ACTIVE INSTANCES", "capacity-unavailable"),
    ("EMPTY CAPACITY PROVIDER", "capacity-unavailable"),
    ("placement constraint unsatisfied", "capacity-unavailable"),
    ("SpotInterruption", "spot-interrupted"),
    ("TerminationNotice", "host-lost"),
    ("InfrastructureHealth", "host-lost"),
    ("Host EC2", "host-lost"),
)


def failure_of_exit(exit_status: int | None) -> Failure | None:
    """Say which failure an engine container's exit status stands for; None for 0 (drained) and for no status at all.

    A status that is none of ours means that the supervisor itself was ended from outside or broke: `engine-crashed`.
    """
    if exit_status is None or exit_status == 0:
        return None
    return _BY_EXIT_STATUS.get(exit_status, FAILURES["engine-crashed"])


def failure_of_stop(exit_status: int | None, *reasons: str | None) -> Failure | None:
    """Say why an ECS task stopped, from its container's exit status and any of ECS's words (stopCode, stoppedReason, container reason).

    ECS's own words win over the exit status where they name a cause; None means that nothing went wrong.
    """
    words = " ".join(reason for reason in reasons if reason)
    for sign, code in _BY_STOP_REASON:
        if sign in words:
            return FAILURES[code]
    return failure_of_exit(exit_status)
