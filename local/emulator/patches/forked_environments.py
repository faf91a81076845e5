"""A function's environment is forked from an interpreter that has imported boto3, pydantic and their like already.

Stock: each environment is a new interpreter that imports all of it anew, a third of a second of processor each; what a cold start costs on
AWS is not to be read from either. Functions whose layers bring other versions get an interpreter of their own. Where none can be had, a
function gets a new one, as stock.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from ministack.core import lambda_runtime

from local.emulator import environments
from local.emulator.pin import expect

MODULES = (
    "boto3",
    "botocore.client",
    "botocore.endpoint",
    "botocore.handlers",
    "botocore.httpsession",
    "botocore.regions",
    "botocore.session",
    "urllib3.connectionpool",
    "traceback",
    "zoneinfo",
    "pydantic",
    "aws_xray_sdk.core",
    "aws_xray_sdk.ext.botocore",
    "aws_lambda_powertools.logging",
    "aws_lambda_powertools.metrics",
    "aws_lambda_powertools.tracing",
    "contracts.api",
    "contracts.model",
    "contracts.notices",
    "contracts.routing",
    "contracts.serving",
)
"""What most functions import and what is the same in all: nothing that looks at a function's own environment when it is imported."""
SERVICES = ("dynamodb", "events", "ecs", "scheduler", "secretsmanager", "sqs", "stepfunctions")
"""What functions ask."""
PACKAGES = frozenset(name.partition(".")[0] for name in MODULES)
START_SECONDS = 20.0
GONE = 1
"""The exit status of who has ended without being asked: its parent is the interpreter, which does not tell."""


class Forked:
    """A forked process, with what the emulator uses of `subprocess.Popen`."""

    def __init__(self, pid: int, streams: tuple[IO[str], IO[str], IO[str]], lifeline: int) -> None:
        self.pid = pid
        self.stdin, self.stdout, self.stderr = streams
        self._lifeline, self._lock = lifeline, threading.Lock()
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, or None while it lives."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises subprocess.TimeoutExpired."""
        if self._ended(timeout) is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return self.returncode or 0

    def terminate(self) -> None:
        """SIGTERM, unless it has ended."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, unless it has ended."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _ended(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None and _closed(self._lifeline, timeout):
                os.close(self._lifeline)
                self.returncode = GONE
            return self.returncode


def _closed(descriptor: int, timeout: float | None) -> bool:
    """Whether the other end is closed, or will be within so many seconds."""
    waiting = select.poll()  # select() knows no descriptor above 1023
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(None if timeout is None else timeout * 1000))


class Interpreter:
    """One warm interpreter; OSError whenever it is gone."""

    def __init__(self, binary: str, paths: Sequence[str], environment: Mapping[str, str]) -> None:
        self._jobs, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._jobs.settimeout(START_SECONDS)
        self._jobs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, environments.LONGEST)
        self._turn = threading.Lock()
        with theirs:
            command = [binary, environments.__file__, str(theirs.fileno())]
            self.process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        self._answer(json.dumps({"paths": paths, "modules": MODULES, "services": SERVICES}).encode(), [])

    def fork(self, argv: Sequence[str], cwd: str, environment: Mapping[str, str]) -> Forked:
        """A process of its own that runs a Python file, with pipes for its three streams."""
        pipes = [os.pipe() for _ in range(4)]  # input, output, error, lifeline
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1], pipes[3][1]]
        mine = [pipes[0][1], pipes[1][0], pipes[2][0], pipes[3][0]]
        job = json.dumps({"argv": argv, "cwd": cwd, "environment": dict(environment)}).encode()
        try:
            pid = int(self._answer(job, theirs)["pid"])
        except (OSError, ValueError):
            for descriptor in mine:
                os.close(descriptor)
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        return Forked(pid, (os.fdopen(mine[0], "w", buffering=1), os.fdopen(mine[1]), os.fdopen(mine[2])), mine[3])

    def close(self) -> None:
        """Let it end."""
        self._jobs.close()
        self.process.kill()
        self.process.wait()

    def _answer(self, text: bytes, descriptors: list[int]) -> Any:
        with self._turn:
            socket.send_fds(self._jobs, [text], descriptors) if descriptors else self._jobs.send(text)
            answer = self._jobs.recv(environments.LONGEST)
        if not answer:
            raise ConnectionError("the interpreter has ended")
        return json.loads(answer)


class Interpreters:
    """One for each set of layers that brings something to import beforehand, started when it is first asked for."""

    def __init__(self) -> None:
        self._warm: dict[tuple[str, ...], Interpreter] = {}
        self._lock = threading.Lock()

    def fork(self, argv: Sequence[str], cwd: str, environment: Mapping[str, str]) -> Forked:
        """A new process; OSError or ValueError if there is no interpreter to be had."""
        binary, *rest = argv
        layers = _bringing(environment.get("_LAMBDA_LAYERS_DIRS", ""))
        settings = (f"{name}={value}" for name, value in sorted(environment.items()) if name.startswith("PYTHON"))
        key = (binary, *layers, *settings)
        with self._lock:
            known = self._warm.get(key)
            interpreter = known if known and known.process.poll() is None else Interpreter(binary, layers, environment)
            self._warm[key] = interpreter
        try:
            return interpreter.fork(rest, cwd, environment)
        except OSError:
            with self._lock:
                if self._warm.get(key) is interpreter:
                    del self._warm[key]
            interpreter.close()
            raise


def _bringing(folders: str) -> list[str]:
    """Where layers lie unpacked that bring what is imported beforehand, in the order in which a function sees them."""
    found = [Path(folder).resolve() / "python" for folder in folders.split(os.pathsep) if folder]
    return [str(folder) for folder in reversed(found) if any((folder / name).exists() for name in PACKAGES)]


class _Processes:
    """The subprocess module as the worker sees it."""

    def __init__(self, interpreters: Interpreters) -> None:
        self._interpreters = interpreters
        self.Popen = self._started

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def _started(self, command: Sequence[str], **options: Any) -> Any:
        """A fork for a Python function, and a new process for everything else."""
        if command[0] == os.environ.get("SLIPWAY_FUNCTION_PYTHON") and command[-1].endswith("_worker.py"):
            started = time.monotonic()
            try:
                return self._interpreters.fork(command, options["cwd"], options["env"])
            except (OSError, ValueError) as error:
                lambda_runtime.logger.warning("no warm interpreter after %.1f s: %s", time.monotonic() - started, error)
        return subprocess.Popen(command, **options)


def apply() -> None:
    """Give the worker's module our Popen."""
    expect(lambda_runtime.Worker._spawn, "self._proc = subprocess.Popen(\n            [binary, worker_path],", "env=spawn_env,")
    expect(lambda_runtime._collect, "proc.wait(timeout=max(0.0, deadline - time.monotonic()))")
    lambda_runtime.subprocess = _Processes(Interpreters())
