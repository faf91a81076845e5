"""What a function's import costs when it starts cold, and how much has to be loaded, beside a bare Powertools + boto3 handler.

Fresh interpreters with what Lambda's runtime holds (the environment `lambda-runtime`), layers and function as built. The runtime has
its bytecode, what we ship has none, as on a first start. All in the same run, functions and bare handler in turn.
"""

import os
import statistics
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from bench.conditions import ROOT
from bench.measure import Figure
from scripts.template import load, target_of

BUILDS = (ROOT / ".local" / "build" / "out", ROOT / ".aws-sam" / "build")
RUNTIME = Path(os.environ.get("SLIPWAY_VENVS") or ROOT / ".local" / "venvs") / "lambda-runtime" / "bin" / "python"
GOAL = 1.3
_BARE = """import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
logger, tracer, metrics = Logger(), Tracer(), Metrics(namespace="Bare")
@tracer.capture_lambda_handler
@logger.inject_lambda_context
@metrics.log_metrics
def handler(event, context):
    return {}
"""
_IMPORT = "import time; began = time.perf_counter(); import handler; print(time.perf_counter() - began)"
_BARE_PARTS = ("aws_lambda_powertools", "aws_xray_sdk", "wrapt", "jmespath", "typing_extensions.py")
"""What of the third-party layer a handler with Powertools' logger, tracer and metrics needs."""


def cold_starts(rounds: int) -> list[Figure]:
    """Ratios of import time and unpacked size over all functions: the worst function decides."""
    build = next((folder for folder in BUILDS if (folder / "template.yaml").exists()), None)
    if build is None:
        raise SystemExit("Nothing is built: run `make up` or `sam build` first.")
    functions = {
        name: _layers(resource) for name, resource in load()["Resources"].items() if resource["Type"] == "AWS::Serverless::Function"
    }
    bare_folder = _bare_handler()
    times: dict[str, list[float]] = {name: [] for name in ("bare", *functions)}
    for _ in range(rounds):
        times["bare"].append(_import_seconds([bare_folder, build / "VendorLayer" / "python"]))
        for name, layers in functions.items():
            times[name].append(_import_seconds([build / name, *(build / layer / "python" for layer in layers)]))
    bare = statistics.median(times.pop("bare"))
    medians = {name: statistics.median(samples) for name, samples in times.items()}
    bare_size = sum(_size(build / "VendorLayer" / "python" / part) for part in _BARE_PARTS)
    sizes = {name: _size(build / name) + sum(_size(build / layer) for layer in layers) for name, layers in functions.items()}
    slowest, largest = max(medians, key=lambda name: medians[name]), max(sizes, key=lambda name: sizes[name])
    return [
        Figure("cold import of a bare Powertools + boto3 handler", "ms", (bare * 1000,)),
        Figure(f"cold import, median of {rounds}, all functions", "ms", tuple(median * 1000 for median in medians.values())),
        Figure(f"… beside the bare handler (most: {slowest})", "ratio", tuple(median / bare for median in medians.values()), goal=GOAL),
        Figure("unpacked size of the bare handler with its libraries", "MB", (bare_size / 1e6,)),
        Figure(
            f"unpacked size with layers, beside it (most: {largest})",
            "ratio",
            tuple(size / bare_size for size in sizes.values()),
            goal=GOAL,
        ),
    ]


def _layers(resource: dict[str, Any]) -> list[str]:
    """Layers in the order in which the runtime looks: the function's own come after those of Globals, and the last wins."""
    shared = load()["Globals"]["Function"].get("Layers", [])
    return [name for layer in [*shared, *resource["Properties"].get("Layers", [])] if (name := target_of(layer))]


def _bare_handler() -> Path:
    folder = ROOT / ".local" / "bench" / "bare"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "handler.py").write_text(_BARE)
    return folder


def _import_seconds(path: list[Path]) -> float:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(folder) for folder in path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "POWERTOOLS_SERVICE_NAME": "bench",
        "AWS_DEFAULT_REGION": "eu-west-1",
        # Powertools decides by this whether it runs on Lambda, and loads the tracer only there.
        "LAMBDA_TASK_ROOT": "/var/task",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
    }
    done = subprocess.run([str(RUNTIME), "-c", _IMPORT], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{path[0].name} cannot be imported:\n{done.stderr}")
    return float(done.stdout)


@cache
def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
