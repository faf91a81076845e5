"""Where the laptop's platform keeps its things and which ports it listens on. Standard library only."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HIGHEST_PORT = 65535


class SettingsError(Exception):
    """An environment variable holds something that cannot be used; the message says which and what to do."""


@dataclass(frozen=True)
class Settings:
    """One platform instance. Two checkouts, or a person and the test suite, run side by side with different homes and ports."""

    home: Path
    emulator_port: int
    router_port: int
    containers_port: int
    region: str = "eu-west-1"
    stack_name: str = "slipway-local"
    environment: str = "local"

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read SLIPWAY_HOME, SLIPWAY_EMULATOR_PORT, SLIPWAY_ROUTER_PORT and SLIPWAY_CONTAINERS_PORT; raises SettingsError."""
        emulator_port = _port("SLIPWAY_EMULATOR_PORT", 4566)
        return cls(
            home=Path(os.environ.get("SLIPWAY_HOME") or ROOT / ".local").resolve(),
            emulator_port=emulator_port,
            router_port=_port("SLIPWAY_ROUTER_PORT", 4000),
            containers_port=_port("SLIPWAY_CONTAINERS_PORT", emulator_port + 1),
        )

    @property
    def endpoint(self) -> str:
        """Base URL of the emulated AWS."""
        return f"http://127.0.0.1:{self.emulator_port}"

    @property
    def router_url(self) -> str:
        """Base URL of the router."""
        return f"http://127.0.0.1:{self.router_port}"

    @property
    def docker_host(self) -> str:
        """The container engine that ECS tasks run on: the person's own when DOCKER_HOST is set, else the process containers."""
        return os.environ.get("DOCKER_HOST") or f"tcp://127.0.0.1:{self.containers_port}"

    @property
    def uses_process_containers(self) -> bool:
        """Whether tasks run as local processes."""
        return not os.environ.get("DOCKER_HOST")

    @property
    def run(self) -> Path:
        """Folder of process ids and locks."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        """Folder of log files."""
        return self.home / "logs"

    @property
    def traces(self) -> Path:
        """File of what functions send to X-Ray, one JSON document a line."""
        return self.logs / "traces.jsonl"

    @property
    def role_use(self) -> Path:
        """File of what roles did and were refused, one JSON document a line."""
        return self.logs / "role_use.jsonl"

    @property
    def state(self) -> Path:
        """Folder of what survives a restart."""
        return self.home / "state"

    @property
    def containers(self) -> Path:
        """Folder with one writable directory per process container."""
        return self.home / "containers"

    @property
    def env_file(self) -> Path:
        """KEY=value lines for shells and tests."""
        return self.home / "env"


def venv(group: str) -> Path:
    """Folder of the virtual environment of a dependency group; belongs to the checkout, not to one platform instance."""
    return Path(os.environ.get("SLIPWAY_VENVS") or ROOT / ".local" / "venvs") / group


def interpreter(group: str) -> Path:
    """Python of a dependency group's virtual environment."""
    return venv(group) / "bin" / "python"


def _port(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isdigit() or not 1 <= int(text) <= HIGHEST_PORT:
        raise SettingsError(f"{variable}={text!r} is not a port. Give a number from 1 to {HIGHEST_PORT}, or unset it for {default}.")
    return int(text)
