"""Every test, in an order that uses two cores to the full: `make test`.

First what fails fastest, and what watches a clock while its own processes work; then the platforms. Beside both, with whatever they leave
of the machine, what only reckons and does not care how long it takes.

Exit status 1 if anything failed. If that was among the first, the rest is given up; else all is run to its end.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHECKED = ("tests/contract", "tests/architecture")
"""What `make check` runs."""
RECKONING = (
    "tests/fabric",
    "tests/functional/serving",
    "tests/borders/api/test_management.py",
    "tests/borders/authorisation",
    "tests/borders/fuzz",
)
"""One process each, virtual time, no deadline but pytest's."""
FIRST = ("tests/unit", "tests/statemachines", "tests/functional", "tests/borders", "tests/clients")
PLATFORMS = ("tests/e2e", "tests/emulator")
LEAST = 10
"""How nice those are who only reckon."""


def command(paths: Sequence[str], workers: int, more: Sequence[str]) -> list[str]:
    """One run of pytest."""
    return [sys.executable, "-m", "pytest", "-n", str(workers), "--dist", "loadgroup", *paths, *more]


def started(paths: Sequence[str], workers: int, more: Sequence[str]) -> "subprocess.Popen[bytes]":
    """One run of pytest that goes on while others do, in a session of its own; what it prints is read by who wants to."""
    whole = command(paths, workers, more)
    return subprocess.Popen(whole, cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def went_well(code: int) -> bool:
    """By pytest's exit status. Where only some tests are asked for (`-k`), a run may have none."""
    return code in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}


def give_up(process: "subprocess.Popen[bytes]") -> None:
    """End a run that still goes on, as Ctrl-C would: it stops what it has started."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait()


def yield_to_others(pid: int) -> None:
    """Let a process, and those that it will start, take what others leave; its session too, where the kernel shares among those first."""
    os.setpriority(os.PRIO_PROCESS, pid, LEAST)
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(LEAST))


class Told:
    """What a program prints, held back until it may be shown."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        if process.stdout is None:
            raise ValueError("its output has to be a pipe")
        self._process, self._output = process, process.stdout.fileno()
        self._held, self._shown, self._lock = list[bytes](), False, threading.Lock()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        while some := os.read(self._output, 1 << 16):
            with self._lock:
                self._write(some) if self._shown else self._held.append(some)

    def show(self) -> int:
        """Print what was held back, and from now on everything; the exit status."""
        with self._lock:
            self._shown = True
            self._write(b"".join(self._held))
        self._reading.join()
        return self._process.wait()

    @staticmethod
    def _write(some: bytes) -> None:
        sys.stdout.buffer.write(some)
        sys.stdout.buffer.flush()


def main(arguments: Sequence[str]) -> int:
    """Run all; 1 if something failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", default="auto", help="processes of the tests without a platform (auto: one for each core)")
    parser.add_argument("--platforms", default=3, type=int, help="platforms and emulators side by side")
    parser.add_argument("--checked", action="store_true", help="leave out what `make check` has run")
    given, more = parser.parse_known_args(arguments)
    apart = [f"--ignore={path}" for path in RECKONING]
    workers = (os.cpu_count() or 1) if given.workers == "auto" else int(given.workers)
    first = command([*(() if given.checked else CHECKED), *FIRST], workers, [*apart, *more])
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.ExitStack() as running:
        reckoning = started(RECKONING, workers, more)
        running.callback(give_up, reckoning)
        yield_to_others(reckoning.pid)
        reckoned = Told(reckoning)
        if not went_well(code := subprocess.run(first, cwd=ROOT, check=False).returncode):
            return code
        platforms = started(PLATFORMS, given.platforms, more)
        running.callback(give_up, platforms)
        told = Told(platforms)
        return 0 if all([went_well(reckoned.show()), went_well(told.show())]) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
