"""What every kind of engine must be able to tell the supervisor."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

from pydantic import ValidationError

from contracts.artifact import Manifest
from contracts.engine import EngineTask, Phase
from contracts.engine_arguments import Arguments
from engine.child import Command, Death
from engine.classifier import classify
from engine.errors import EngineError

_PRIVATE: Final = re.compile(r"AWS_|ECS_|SLIPWAY_|ENGINE_API_KEY$|LD_PRELOAD$|LD_AUDIT$|PYTHON(OPTIMIZE|STARTUP|HOME|INSPECT)$")
_Arguments = TypeVar("_Arguments", bound="Arguments")


@dataclass(frozen=True, slots=True)
class Launch:
    """What an adapter starts an engine with. `key` is made anew for each start and known only to supervisor and engine."""

    model_id: str
    task: EngineTask
    arguments: Mapping[str, Any]
    features: Mapping[str, Any]
    cache_dir: Path
    start_timeout_seconds: float
    key: str
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one line of an engine's output says; None for everything that it says nothing about."""

    phase: Phase | None = None
    progress: float | None = None
    address: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """An engine's own metric names in our words. `running` and `steps` are what the heartbeat reads: steps must rise while running > 0."""

    names: Mapping[str, str]
    running: str
    steps: str


NOTHING: Final = Reading()
OWN_PROGRAM: Final = "slipway-engine:"
"""How the lines begin that a program of ours prints for the supervisor."""


class Adapter(ABC):
    """One kind of engine."""

    metrics: ClassVar[Metrics]
    idle_connection_seconds: ClassVar[float]
    """Shorter than the engine's own keep-alive, so that a request never meets a connection that is just being closed."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.known_address: str | None = None
        """Where the engine will listen, for engines that are told a port; the others say it in a line."""

    @abstractmethod
    def check(self, directory: Path | None, manifest: Manifest | None) -> None:
        """Look for what would make the engine fail slowly, and fail at once instead. Raises EngineError."""

    @abstractmethod
    def command(self, directory: Path | None, manifest: Manifest | None) -> Command:
        """Build the engine's command line and environment."""

    @abstractmethod
    def read_line(self, line: str) -> Reading:
        """Say what a line of the engine's output means."""

    def is_noise(self, line: str) -> bool:
        """True for lines that are not worth a log entry."""
        return line.startswith(OWN_PROGRAM)

    def explain(self, death: Death) -> EngineError:
        """Say why the engine ended."""
        return classify(death.lines, death.returncode, out_of_memory=death.out_of_memory)


def read_arguments(model: type[_Arguments], launch: Launch) -> _Arguments:
    """Check engine arguments. Raises EngineError `configuration-invalid` naming the first wrong field."""
    try:
        return model.model_validate(dict(launch.arguments))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(["engine", "arguments", *(str(part) for part in problem["loc"])])
        raise EngineError("configuration-invalid", f"{where}: {problem['msg']}.") from error


def engine_environment(environment: Mapping[str, str], *, keep_python_path: bool) -> dict[str, str]:
    """Copy the environment without what is none of an engine's business: our settings, AWS credentials, the shared key, loader tricks."""
    kept = {name: value for name, value in environment.items() if not _PRIVATE.match(name)}
    if not keep_python_path:
        for name in ("PYTHONPATH", "VIRTUAL_ENV"):
            kept.pop(name, None)
    return kept
