"""Under which conditions figures are taken. A figure without them says nothing."""

import os
import platform
import subprocess
import time
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def conditions() -> dict[str, Any]:
    """When, on what, with what, and how busy the machine was (load averages over 1, 5 and 15 minutes)."""
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "commit": _commit(),
        "cores": os.cpu_count(),
        "cpu": _line("/proc/cpuinfo", "model name"),
        "memory": _line("/proc/meminfo", "MemTotal"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": _versions(),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def _commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _line(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "unknown")


def _versions() -> str:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"].values()
    exact = {item for group in groups for item in group if isinstance(item, str) and "==" in item}
    return " ".join(sorted(exact))
