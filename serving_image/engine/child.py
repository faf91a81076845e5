"""The engine as a process: started in a group of its own, read line by line, ended for certain."""

import asyncio
import contextlib
import os
import re
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import EngineError
from engine.logs import log

_KEEP_LINES = 500
_MAX_LINE = 8192
_READ_BYTES = 65536
_LAST_WORDS_SECONDS = 2.0
_SECOND_SIGTERM_SECONDS = 3.0
_LINE_END = re.compile(rb"[\r\n]+")
_OOM_COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))


@dataclass(frozen=True, slots=True)
class Command:
    """How to start an engine: argument list (no shell ever reads it), whole environment, and what its standard input says first."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    first_input: bytes | None = None


@dataclass(frozen=True, slots=True)
class Death:
    """How an engine ended: return code (negative for a signal), its last lines, and whether the kernel killed for lack of memory."""

    returncode: int
    lines: Sequence[str]
    out_of_memory: bool


class Child:
    """One engine process and everything that it starts. `clean` takes secrets out of each line before anybody reads it."""

    def __init__(self, command: Command, on_line: Callable[[str], None], clean: Callable[[str], str] = str) -> None:
        self._command = command
        self._on_line = on_line
        self._clean = clean
        self._lines: deque[str] = deque(maxlen=_KEEP_LINES)
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._oom_kills: int | None = None

    @property
    def alive(self) -> bool:
        """True from the start to the end of the engine's first process."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it. Raises EngineError `engine-not-installed` where the image lacks the program."""
        self._oom_kills = await asyncio.to_thread(_oom_kills)
        first_input = self._command.first_input
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command.argv,
                env=dict(self._command.environment),
                # A pipe that stays open tells a program of ours, by closing, that the supervisor is gone.
                stdin=asyncio.subprocess.DEVNULL if first_input is None else asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except (FileNotFoundError, PermissionError) as error:
            raise EngineError("engine-not-installed", f"{self._command.argv[0]} cannot be run: {error.strerror}.") from error
        log.info("engine started", extra={"pid": self._process.pid, "program": Path(self._command.argv[0]).name})
        self._reader = asyncio.create_task(self._read())
        if first_input is not None and self._process.stdin is not None:
            self._process.stdin.write(first_input + b"\n")
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                await self._process.stdin.drain()

    async def wait(self) -> Death:
        """Wait until it has ended by itself, and gather its last words."""
        if self._process is None or self._reader is None:
            raise RuntimeError("the engine was never started")
        returncode = await self._process.wait()
        # Its own children may keep the pipe open after it has gone.
        await asyncio.wait({self._reader}, timeout=_LAST_WORDS_SECONDS)
        oom_kills = await asyncio.to_thread(_oom_kills)
        return Death(returncode, tuple(self._lines), (oom_kills or 0) > (self._oom_kills or 0))

    async def stop(self, seconds: float) -> None:
        """End it within so many seconds: SIGTERM, again, then SIGKILL to the whole group. Harmless when it has ended.

        Some engines swallow the first SIGTERM while they load, and the death of an engine's parent can leave workers that hold the GPU:
        hence the second signal, and the kill of the group in every case.
        """
        process = self._process
        if process is None:
            return
        deadline = time.monotonic() + seconds
        for pause in (min(_SECOND_SIGTERM_SECONDS, seconds / 2), None):
            if process.returncode is not None:
                break
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            left = max(deadline - time.monotonic(), 0.0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), left if pause is None else min(pause, left))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if self._reader is not None:
            await asyncio.wait({self._reader}, timeout=_LAST_WORDS_SECONDS)
            self._reader.cancel()

    async def _read(self) -> None:
        stream = self._process.stdout if self._process is not None else None
        rest = b""
        while stream is not None and (block := await stream.read(_READ_BYTES)):
            # Progress bars separate their states by carriage returns.
            *whole, rest = _LINE_END.split(rest + block)
            for line in whole:
                self._take(line)
            if len(rest) > _MAX_LINE:
                self._take(rest)
                rest = b""
        self._take(rest)

    def _take(self, raw: bytes) -> None:
        line = self._clean(raw.decode("utf-8", "replace"))[:_MAX_LINE].strip()
        if line:
            self._lines.append(line)
            self._on_line(line)


def _oom_kills() -> int | None:
    """How often the kernel has killed in this container for lack of memory; None where it does not say (no control groups)."""
    for path in _OOM_COUNTERS:
        try:
            content = path.read_text(encoding="ascii")
        except OSError:
            continue
        if match := re.search(r"^oom_kill (\d+)$", content, re.MULTILINE):
            return int(match[1])
    return None
