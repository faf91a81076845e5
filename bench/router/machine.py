"""The machine that figures are taken on: which core does what, and what processes have used of it."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from bench.conditions import ROOT

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MIB = 2**20
_FILES = 65_536
_LOOP = "import time; began = time.perf_counter(); sum(range(5_000_000)); print(time.perf_counter() - began)"


@dataclass(frozen=True)
class Cores:
    """Which cores the gateway has (one, so that figures are of one core), and which everything around it; None where nothing is pinned."""

    gateway: int | None
    around: tuple[int, ...] | None

    @classmethod
    def of_machine(cls) -> Self:
        """The last core for the gateway, the others for upstream and generator; nothing is pinned where there is one core only."""
        usable = sorted(os.sched_getaffinity(0))
        if len(usable) == 1 or shutil.which("taskset") is None:
            return cls(None, None)
        return cls(usable[-1], tuple(usable[:-1]))

    def leave_the_gateway_alone(self) -> None:
        """Keep this process, and what stands for AWS in it, off the gateway's core."""
        if self.around is not None:
            os.sched_setaffinity(0, self.around)

    def told(self) -> str:
        """What the conditions say of it."""
        if self.gateway is None or self.around is None:
            return "one core, which all share: nothing is pinned, and rates are of a third of it or so"
        around = ", ".join(map(str, self.around))
        return f"gateway alone on core {self.gateway}; upstream and generator on core {around} (shared with whatever else the machine does)"

    def pinned(self, command: Sequence[str], *, gateway: bool) -> list[str]:
        """The command, on its core."""
        if self.gateway is None or self.around is None:
            return list(command)
        where = str(self.gateway) if gateway else ",".join(map(str, self.around))
        return ["taskset", "-c", where, *command]

    def pace(self) -> float:
        """Seconds that always the same work takes of the gateway's core just now: on a shared machine it varies, and so do rates."""
        command = self.pinned([sys.executable, "-c", _LOOP], gateway=True)
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


class Process:
    """A program that runs until it is left, with all that it starts. Its words go to `output`, or nowhere; it reads `feed`, or nothing."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, output: IO[Any] | None = None, feed: bool = False
    ) -> None:
        self._command, self._environment, self._output, self._fed = list(command), dict(environment), output, feed
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.PIPE if self._fed else subprocess.DEVNULL,
            stdout=self._output or subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            start_new_session=True,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        process = self._process
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
            os.killpg(process.pid, signal.SIGCONT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        if process.stdin is not None:
            process.stdin.close()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It stands still meanwhile, with all that it has started."""
        os.killpg(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.pid, signal.SIGCONT)

    @property
    def feed(self) -> IO[bytes] | None:
        """What it reads."""
        return None if self._process is None else self._process.stdin

    @property
    def pid(self) -> int:
        """Its id."""
        if self._process is None:
            raise RuntimeError("it does not run")
        return self._process.pid

    def ended(self) -> int | None:
        """Its exit status; None while it runs."""
        return None if self._process is None else self._process.poll()


def family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for one in found:
        with suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def cpu_seconds(pid: int) -> float:
    """What a process and all below it have used of the processor since they began, in user and kernel mode."""
    total = 0
    for one in family(pid):
        with suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / _TICK


def resident_mib(pid: int) -> float:
    """Memory that a process and all below it hold, MiB; pages that they share count for each."""
    total = 0
    for one in family(pid):
        with suppress(OSError):
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1])
    return total * _PAGE / _MIB


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def many_files() -> None:
    """Let this process and all that it starts hold as many connections as the machine lets them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def answers(url: str, seconds: float, process: Process, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> None:
    """Wait until the address answers with 200; TimeoutError if it does not, ChildProcessError if its process has ended."""
    ends = time.monotonic() + seconds
    said = "nothing"
    while time.monotonic() < ends:
        if process.ended() is not None:
            raise ChildProcessError(f"it ended with {process.ended()}")
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, dict(headers or {})), timeout=5) as answer:
                answer.read()
                return
        except OSError as error:  # urllib's are
            said = str(error)
        time.sleep(0.2)
    raise TimeoutError(f"no answer within {seconds:.0f} s, last: {said}")
