"""`python3 -m local.bootstrap GROUP… [-- MODULE ARGUMENT…]`: make environments, then run a module in the first.

Standard library only, as it runs on a machine that has nothing of ours. Each environment is made from its hash-locked file by uv, which
pip installs from a hash-locked file too; one that is up to date costs nothing. A group whose lock is a folder with `package-lock.json`
consists of Node.js packages, which npm compares with their digests; none of their programs is run while installing.
"""

import concurrent.futures
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from local.settings import ROOT, interpreter, venv

OLDEST = (3, 11)
STAMP = "locked.sha256"
Report = Callable[[str, float], None]


class BootstrapError(Exception):
    """Something the machine must have is missing, or an installation failed; the message says what to do."""


def ensure(groups: Iterable[str], report: Report = lambda _group, _seconds: None) -> None:
    """Make the environments of groups, in parallel; `report(group, seconds)` is told of each that had to be made. Raises BootstrapError."""
    wanted = list(groups)
    if not all(map(is_current, wanted)):
        with _alone():
            _make([group for group in wanted if not is_current(group)], report)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Environments belong to the checkout: a second `make up` waits until the first has made them."""
    file = venv("any").with_name(".lock")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(stale: list[str], report: Report) -> None:
    if not all(map(_is_node, stale)) and ("uv" in stale or not is_current("uv")):
        started = time.monotonic()
        _make_uv()
        report("uv", time.monotonic() - started)
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        tasks = {pool.submit(_timed, group): group for group in stale if group != "uv"}
        for task in concurrent.futures.as_completed(tasks):
            report(tasks[task], task.result())


def is_current(group: str) -> bool:
    """Whether a group's environment holds what its lock says, for this Python."""
    try:
        made = venv(group) / "node_modules" if _is_node(group) else interpreter(group)
        return (venv(group) / STAMP).read_text() == _wanted(group) and made.exists()
    except OSError:
        return False


def _is_node(group: str) -> bool:
    return (ROOT / "locks" / group / "package-lock.json").exists()


def _wanted(group: str) -> str:
    if _is_node(group):
        return hashlib.sha256((ROOT / "locks" / group / "package-lock.json").read_bytes()).hexdigest()
    lock = (ROOT / "locks" / f"{group}.txt").read_bytes()
    return hashlib.sha256(lock + sys.version.encode() + str(machine_python()).encode()).hexdigest()


def machine_python() -> Path:
    """The machine's own Python, also when we run inside an environment."""
    return Path(getattr(sys, "_base_executable", "") or sys.executable).resolve()


def _make_uv() -> None:
    folder = venv("uv")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _run([str(machine_python()), "-m", "venv", str(folder)])
    except BootstrapError as error:
        raise BootstrapError(
            f"This Python ({machine_python()}) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv\n{error}"
        ) from error
    _run(
        [
            str(interpreter("uv")),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "-r",
            str(ROOT / "locks" / "uv.txt"),
        ]
    )
    (folder / STAMP).write_text(_wanted("uv"))


def _timed(group: str) -> float:
    started = time.monotonic()
    if _is_node(group):
        _make_node(group)
        return time.monotonic() - started
    uv, python = str(venv("uv") / "bin" / "uv"), str(interpreter(group))
    if not interpreter(group).exists() or not _same_version(group):
        _run([uv, "venv", "--quiet", "--clear", "--no-config", "--python", str(machine_python()), str(venv(group))])
    lock = str(ROOT / "locks" / f"{group}.txt")
    _run([uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, lock])
    (venv(group) / STAMP).write_text(_wanted(group))
    return time.monotonic() - started


def _make_node(group: str) -> None:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise BootstrapError(
            f"`{group}` needs Node.js 20 or newer (node and npm) on the PATH. On Debian and Ubuntu: apt install nodejs npm"
        )
    folder = venv(group)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "locks" / group, folder)
    _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder)])
    (folder / STAMP).write_text(_wanted(group))


def _same_version(group: str) -> bool:
    return (venv(group) / "bin" / f"python3.{sys.version_info.minor}").exists()


def _run(command: list[str]) -> None:
    environment = {"UV_SYSTEM_CERTS": "1", **os.environ}  # like pip: the machine knows whom it trusts
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    if done.returncode != 0:
        raise BootstrapError(f"`{' '.join(command)}` failed:\n{(done.stderr or done.stdout).strip()}")


def _say(group: str, seconds: float) -> None:
    print(f"  environment {group:18} made in {seconds:5.1f} s", flush=True)


def main(arguments: list[str]) -> int:
    """Make the environments, and run the module if one is named."""
    if sys.version_info < OLDEST:
        print(
            f"Slipway needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this is {sys.version.split()[0]}. Try: make up PYTHON=python3.12",
            file=sys.stderr,
        )
        return 1
    groups, _, command = " ".join(arguments).partition("--")
    names = groups.split()
    try:
        ensure(names, _say)
    except BootstrapError as error:
        print(error, file=sys.stderr)
        return 1
    if command.strip():
        sys.stdout.flush()
        os.execv(interpreter(names[0]), [str(interpreter(names[0])), "-m", *command.split()])  # noqa: S606 - our own interpreter
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
