"""Processes of one platform, found by the environment that they were started with, and killed as a crash would.

A function's is forked from an interpreter whose command and environment it keeps: it is told by the folder in which it works.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.e2e.platform import Platform, eventually

KINDS: dict[str, Callable[[str, str], bool]] = {
    "engine": lambda command, _: command.rstrip().endswith("-m engine"),
    "router": lambda command, _: command.rstrip().endswith("-m router"),
    "function": lambda _, folder: "/ministack-lambda-" in folder,
}


def processes(platform: Platform, kind: str) -> list[int]:
    """Ids of the platform's processes of a kind."""
    home, found = str(platform.home), []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            working = str((folder / "cwd").readlink())
            environment = (folder / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if KINDS[kind](command, working) and (home in environment or home in command):
            found.append(int(folder.name))
    return sorted(found)


def kill(pids: list[int]) -> None:
    """SIGKILL, one after the other; who is gone already is gone."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def kill_one(platform: Platform, kind: str) -> int:
    """Kill the youngest of a kind, once there is one; its id."""
    pid = int(eventually(lambda: processes(platform, kind), f"there is a {kind}")[-1])
    kill([pid])
    return pid
