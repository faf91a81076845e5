"""What the container is told through its environment, checked once at the start."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from contracts.engine import ENGINE_PORT, EngineKind, EngineTask, Variable
from engine.errors import EngineError

_Choice = TypeVar("_Choice", EngineKind, EngineTask)
_GIB = 1024**3
_MAX_JSON = 64 * 1024
_SHA256_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the supervisor listens; read on its own so that the port is owned before anything else can fail."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Settings:
    """The container's whole configuration. Durations in seconds, sizes in bytes; `artifact_uri` is None for an engine without weights."""

    model_id: str
    version: str
    kind: EngineKind
    task: EngineTask
    artifact_uri: str | None
    artifact_owner: str | None
    manifest_sha256: str | None
    arguments: Mapping[str, Any]
    features: Mapping[str, Any]
    cache_dir: Path
    cache_limit_bytes: int | None
    baked_dir: Path
    drain_seconds: float
    start_timeout_seconds: float
    api_key: str


def read_listen(environment: Mapping[str, str]) -> Listen:
    """Read the address to listen on. Raises EngineError `configuration-invalid`."""
    return Listen(
        host=environment.get(Variable.LISTEN_HOST) or "0.0.0.0",  # noqa: S104 - a container's own network namespace; the laptop sets loopback
        port=int(_number(environment, Variable.LISTEN_PORT, ENGINE_PORT, 1, 65535)),
    )


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read everything else. Raises EngineError `configuration-invalid`, naming the variable."""
    kind = _choice(environment, Variable.ENGINE_KIND, EngineKind, None)
    uri = environment.get(Variable.ARTIFACT_URI) or None
    digest = environment.get(Variable.MANIFEST_SHA256) or None
    if uri is None and kind is not EngineKind.MOCK:
        raise _invalid(Variable.ARTIFACT_URI, "is required")
    if uri is not None and not uri.startswith("s3://"):
        raise _invalid(Variable.ARTIFACT_URI, "must be s3://bucket/prefix/")
    if uri is not None and (digest is None or len(digest) != _SHA256_LENGTH or not set(digest) <= set("0123456789abcdef")):
        raise _invalid(Variable.MANIFEST_SHA256, "must be a SHA-256 in lower-case hex")
    limit = _number(environment, Variable.CACHE_LIMIT_GIB, 0, 0, 1_000_000)
    return Settings(
        model_id=_required(environment, Variable.MODEL_ID),
        version=_required(environment, Variable.MODEL_VERSION),
        kind=kind,
        task=_choice(environment, Variable.TASK, EngineTask, EngineTask.CHAT),
        artifact_uri=uri,
        artifact_owner=environment.get(Variable.ARTIFACT_OWNER) or None,
        manifest_sha256=digest,
        arguments=_json_object(environment, Variable.ENGINE_ARGUMENTS),
        features=_json_object(environment, Variable.FEATURES),
        cache_dir=Path(environment.get(Variable.CACHE_DIR) or "/var/cache/slipway"),
        cache_limit_bytes=int(limit * _GIB) if limit else None,
        baked_dir=Path(environment.get(Variable.BAKED_DIR) or "/opt/slipway/weights"),
        drain_seconds=_number(environment, Variable.DRAIN_SECONDS, 60, 1, 3600),
        start_timeout_seconds=_number(environment, Variable.START_TIMEOUT_SECONDS, 1800, 1, 14400),
        api_key=_required(environment, Variable.API_KEY),
    )


def read_linger(environment: Mapping[str, str]) -> float:
    """Seconds for which a failed container keeps answering, so that whoever probes it learns why."""
    return _number(environment, Variable.FAILURE_LINGER_SECONDS, 5, 0, 60)


def _invalid(variable: str, problem: str) -> EngineError:
    return EngineError("configuration-invalid", f"{variable} {problem}.")


def _required(environment: Mapping[str, str], variable: str) -> str:
    value = environment.get(variable)
    if not value:
        raise _invalid(variable, "is required")
    return value


def _choice(environment: Mapping[str, str], variable: str, choices: type[_Choice], default: _Choice | None) -> _Choice:
    text = environment.get(variable)
    if not text and default is not None:
        return default
    try:
        return choices(text or "")
    except ValueError:
        raise _invalid(variable, f"must be one of {', '.join(choices)}") from None


def _number(environment: Mapping[str, str], variable: str, default: float, low: float, high: float) -> float:
    text = environment.get(variable)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        raise _invalid(variable, "must be a number") from None
    if not low <= value <= high:
        raise _invalid(variable, f"must be between {low:g} and {high:g}")
    return value


def _json_object(environment: Mapping[str, str], variable: str) -> Mapping[str, Any]:
    text = environment.get(variable) or "{}"
    if len(text) > _MAX_JSON:
        raise _invalid(variable, f"must not be longer than {_MAX_JSON} characters")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise _invalid(variable, "must be JSON") from None
    if not isinstance(value, dict):
        raise _invalid(variable, "must be a JSON object")
    return value
