"""The laptop's long-lived programs, process containers and emulator: started detached, found again by id and birth, stopped."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from local.containers.container import born
from local.settings import ROOT, Settings, interpreter

START_SECONDS = 60.0
PORT_SECONDS = 2.0
TAIL_LINES = 15


class DaemonError(Exception):
    """A program did not start or stop; the message says what to look at."""


@dataclass(frozen=True)
class Daemon:
    """A program of one platform instance; `health` is the path that answers 200 once it serves."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    port: int
    health: str
    settings: Settings
    stop_seconds: float
    variable: str
    cleared: tuple[Path, ...] = field(default=())

    @property
    def record(self) -> Path:
        """File with the process's id and birth."""
        return self.settings.run / f"{self.name}.json"

    @property
    def log(self) -> Path:
        """Its output."""
        return self.settings.logs / f"{self.name}.log"

    def pid(self) -> int | None:
        """Process id while the program that we started runs, else None."""
        try:
            record = json.loads(self.record.read_text())
        except (OSError, ValueError):
            return None
        alive = record["born"] and born(record["pid"]) == record["born"] and not _is_zombie(record["pid"])
        return int(record["pid"]) if alive else None

    def start(self) -> bool:
        """Start it unless it runs; whether it was started. Raises DaemonError when the port is taken."""
        if self.pid() is not None:
            port = json.loads(self.record.read_text())["port"]
            if port != self.port:
                raise DaemonError(
                    f"The {self.name} of {self.settings.home} runs on port {port}. `make down` stops it; {self.variable}={port} keeps it."
                )
            return False
        self._require_free_port()
        for folder in (self.settings.run, self.settings.logs):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in self.cleared:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        with self.log.open("wb") as output:
            process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        process.returncode = 0  # detached: it outlives us, so nobody here waits for it
        _write(self.record, json.dumps({"pid": process.pid, "born": born(process.pid), "port": self.port}))
        return True

    def _require_free_port(self) -> None:
        """Raise DaemonError when the port stays taken; a program that was just killed may still hold it for a moment."""
        deadline = time.monotonic() + PORT_SECONDS
        while not is_free(self.port):
            if time.monotonic() > deadline:
                raise DaemonError(
                    f"Port {self.port}, needed by the {self.name}, is taken by another program.\n"
                    f"Stop that program (`ss -ltnp | grep {self.port}` names it), or choose another port: {self.variable}=<port> make up"
                )
            time.sleep(0.05)

    def wait(self) -> None:
        """Wait until it serves; raises DaemonError when it ends or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.pid() is None:
                raise DaemonError(f"The {self.name} ended while starting. Its last words ({self.log}):\n{self.last_words()}")
            if self.serves():
                return
            time.sleep(0.05)
        raise DaemonError(f"The {self.name} did not answer within {START_SECONDS:.0f} s. See {self.log}")

    def serves(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{self.health}", timeout=2) as answer:
                return bool(answer.status == 200)  # noqa: PLR2004
        except (urllib.error.URLError, OSError):
            return False

    def last_words(self) -> str:
        """The end of its log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
        except OSError:
            return "(no log)"

    def stop(self, *, kill: bool = False) -> bool:
        """Stop it gracefully (or kill it); whether it ran. Returns when it is gone."""
        pid = self.pid()
        if pid is None:
            self.record.unlink(missing_ok=True)
            return False
        os.kill(pid, signal.SIGKILL if kill else signal.SIGTERM)
        deadline = time.monotonic() + self.stop_seconds
        while self._remains(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        self.record.unlink(missing_ok=True)
        return True

    def _remains(self, pid: int) -> bool:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)  # reap it where we are its parent
        return self.pid() is not None


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _write(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(path)


def containers(settings: Settings) -> Daemon:
    """The process containers."""
    return Daemon(
        name="containers",
        command=(sys.executable, "-m", "local.containers"),
        environment=_base() | _ours(settings),
        port=settings.containers_port,
        health="/_ping",
        settings=settings,
        stop_seconds=20.0,
        variable="SLIPWAY_CONTAINERS_PORT",
    )


def emulator(settings: Settings, *, patches_off: str = "") -> Daemon:
    """The emulated AWS: IAM enforced, one region, nothing listening besides its port, state kept over restarts."""
    workspace = settings.home / "tmp"
    environment = {
        "GATEWAY_PORT": str(settings.emulator_port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_REGION": settings.region,
        "AUTH": "true",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(settings.state / "emulator"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(settings.state / "objects"),
        "TMPDIR": str(workspace),
        # Left alone, glibc raises both to the largest block that was given back, a layer's, and keeps as much in the heap of each thread.
        "MALLOC_MMAP_THRESHOLD_": str(128 * 1024),
        "MALLOC_TRIM_THRESHOLD_": str(128 * 1024),
        "DOCKER_HOST": settings.docker_host,
        "SLIPWAY_FUNCTION_PYTHON": str(interpreter("lambda-runtime")),
        "SLIPWAY_LAYER_CACHE": str(settings.state / "layers"),
        "SLIPWAY_TRACES": str(settings.traces),
        "SLIPWAY_ROLE_USE": str(settings.role_use),
        "SLIPWAY_FAULTS": os.environ.get("SLIPWAY_FAULTS", ""),  # for tests: anybody on this machine may then make calls fail
        "SLIPWAY_CHECKPOINTS": os.environ.get("SLIPWAY_CHECKPOINTS", ""),  # "off": state reaches the disk at a graceful stop only
        "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{settings.emulator_port}",  # datagrams: the port is free beside the emulator's own
        "SLIPWAY_PATCHES_OFF": patches_off or os.environ.get("SLIPWAY_PATCHES_OFF", ""),
    }
    return Daemon(
        name="emulator",
        command=(str(interpreter("emulator")), "-m", "local.emulator"),
        environment=_base() | _ours(settings) | environment,
        port=settings.emulator_port,
        health="/_ministack/health",
        settings=settings,
        stop_seconds=60.0,
        variable="SLIPWAY_EMULATOR_PORT",
        cleared=(workspace,),
    )


def _base() -> dict[str, str]:
    """Nothing of the person's shell reaches the daemons but where programs are, who they are and the language."""
    kept = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "SLIPWAY_VENVS")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PYTHONUNBUFFERED": "1"}


def _ours(settings: Settings) -> dict[str, str]:
    return {
        "SLIPWAY_HOME": str(settings.home),
        "SLIPWAY_EMULATOR_PORT": str(settings.emulator_port),
        "SLIPWAY_ROUTER_PORT": str(settings.router_port),
        "SLIPWAY_CONTAINERS_PORT": str(settings.containers_port),
    }
