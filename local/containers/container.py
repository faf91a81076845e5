"""One container: a process group with its own directory, loopback address, log and exit code."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from local.images import Image

LOG_LINES = 20_000
KILLED = 128
RECORD = "process.json"


@dataclass
class LogLine:
    """A line of output: unix seconds and the bytes with their newline."""

    at: float
    data: bytes


@dataclass
class Container:
    """States: created → running → exited. All waiting is on one condition, so nothing polls."""

    image: Image
    name: str
    address: str
    directory: Path
    image_reference: str
    command: tuple[str, ...]
    environment: dict[str, str]
    labels: dict[str, str]
    identifier: str = field(default_factory=lambda: secrets.token_hex(32))
    created: float = field(default_factory=time.time)
    started: float | None = None
    finished: float | None = None
    exit_code: int | None = None

    def __post_init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: list[LogLine] = []
        self._dropped = 0
        self._changed = threading.Condition()

    @property
    def status(self) -> str:
        """`created`, `running` or `exited`."""
        if self.started is None:
            return "created"
        return "running" if self.finished is None else "exited"

    @property
    def pid(self) -> int:
        """Process id while running, else 0."""
        return self._process.pid if self._process and self.status == "running" else 0

    def start(self) -> None:
        """Start the process in a group of its own; raises OSError when the program cannot be run."""
        for sub in ("", "home", "tmp", "cache", "state"):
            (self.directory / sub).mkdir(parents=True, exist_ok=True)
        command = [str(self.image.python) if self.command[0] in {"python", "python3"} else self.command[0], *self.command[1:]]
        process = subprocess.Popen(
            command, cwd=self.directory, env=self._process_environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        (self.directory / RECORD).write_text(json.dumps({"pid": process.pid, "born": born(process.pid)}))
        self._process, self.started = process, time.time()
        assert process.stdout is not None  # noqa: S101 - asked for by stdout=PIPE
        reader = threading.Thread(target=self._read, args=(process, process.stdout), daemon=True, name=f"container-{self.name}")
        reader.start()

    def _process_environment(self) -> dict[str, str]:
        # Images hold their packages' bytecode; here the first process of an environment leaves it for those that come after it.
        own = {
            "PATH": f"{self.image.python.parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.directory / "home"),
            "TMPDIR": str(self.directory / "tmp"),
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": os.pathsep.join(map(str, self.image.import_path)),
        }
        # A container's network and file system are its own whatever the task definition says; these stand for both.
        folders = {"SLIPWAY_CACHE_DIR": str(self.directory / "cache"), "SLIPWAY_STATE_DIR": str(self.directory / "state")}
        forced = {**folders, "SLIPWAY_LISTEN_HOST": self.address, **self.image.environment}
        return own | self.environment | forced

    def _read(self, process: "subprocess.Popen[bytes]", output: IO[bytes]) -> None:
        with output:
            for line in output:
                self._keep(LogLine(time.time(), line))
        code = process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it left behind goes with it, as with a container's namespace
        with self._changed:
            self.exit_code = code if code >= 0 else KILLED - code
            self.finished = time.time()
            (self.directory / RECORD).unlink(missing_ok=True)
            self._changed.notify_all()

    def _keep(self, line: LogLine) -> None:
        with self._changed:
            self._lines.append(line)
            if len(self._lines) > LOG_LINES:
                del self._lines[: LOG_LINES // 10]
                self._dropped += LOG_LINES // 10
            self._changed.notify_all()

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for the exit; the exit code, or None when it still runs after `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self.finished is not None, seconds)
            return self.exit_code

    def send(self, number: int) -> None:
        """Signal the process (its whole group for SIGKILL)."""
        if self._process is None or self.finished is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(self._process.pid, number)
            else:
                os.kill(self._process.pid, number)

    def stop(self, grace_seconds: float) -> None:
        """SIGTERM, then SIGKILL to the group after the grace period; returns when the process is gone."""
        if self.status != "running":
            return
        self.send(signal.SIGTERM)
        if self.wait(grace_seconds) is None:
            self.send(signal.SIGKILL)
            self.wait()

    def remove(self) -> None:
        """Delete the container's directory; the process must be gone."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def lines(self, *, follow: bool, tail: int | None = None) -> Iterator[LogLine]:
        """Log lines so far, the last `tail` of them if given; with `follow`, also those to come until the process ends."""
        position = max(0, self._dropped + len(self._lines) - tail) if tail is not None else 0
        while True:
            with self._changed:
                if follow:
                    self._changed.wait_for(lambda: self._dropped + len(self._lines) > position or self.finished is not None)  # noqa: B023
                fresh = self._lines[max(0, position - self._dropped) :]
                position = self._dropped + len(self._lines)
                done = self.finished is not None or not follow
            yield from fresh
            if done:
                return


def born(pid: int) -> str:
    """When a process started, in clock ticks since boot: with its id this names it for ever. Empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def kill_orphans(directory: Path) -> int:
    """Kill the containers that a runtime which died left running, and delete their directories; how many were alive."""
    killed = 0
    for folder in directory.iterdir() if directory.is_dir() else ():
        try:
            record = json.loads((folder / RECORD).read_text())
        except (OSError, ValueError):
            record = None
        if record and record["born"] and born(record["pid"]) == record["born"]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(record["pid"], signal.SIGKILL)
                killed += 1
        shutil.rmtree(folder, ignore_errors=True)
    return killed
