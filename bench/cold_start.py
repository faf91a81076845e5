"""What a function's import costs when it starts cold, and how much has to be loaded, beside a bare Powertools + boto3 handler.

Fresh interpreters with what Lambda's runtime holds (the environment `lambda-runtime`), layers and function as built. The bare handler
is what `sam build` makes of one file and two requirements: no bytecode, as SAM ships none; beside it the same handler with bytecode, as
our layers have it. What a handler imports only when it is first called is not in the figure. All in the same run, in turn.

Others on the machine make single imports longer, and never shorter. The ratio with the goal is therefore of the least processor time of
all rounds on both sides: what the code costs where it is alone, as it is in Lambda. It leaves out waiting for the disk; the medians of
the time on the wall, which are shown beside it, do not.
"""

import os
import shutil
import statistics
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from bench.conditions import ROOT
from bench.measure import Figure
from scripts.template import load, target_of

BUILDS = (ROOT / ".local" / "build" / "out", ROOT / ".aws-sam" / "build")
VENVS = Path(os.environ.get("SLIPWAY_VENVS") or ROOT / ".local" / "venvs")
RUNTIME = VENVS / "lambda-runtime" / "bin" / "python"
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
_IMPORT = (
    "import time; wall, busy = time.perf_counter(), time.process_time(); import handler; "
    "print(time.perf_counter() - wall, time.process_time() - busy)"
)
_BARE_WHEELS = ("aws-lambda-powertools", "aws-xray-sdk", "wrapt", "typing-extensions")
"""What of locks/lambda.txt a handler with Powertools' logger, tracer and metrics needs."""
_SDK = ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six.py")
"""boto3 with what it needs, for those who pack it as AWS advises, and do not rely on the runtime's."""


def cold_starts(rounds: int) -> list[Figure]:
    """Ratios of import time and unpacked size over all functions: the worst function decides."""
    build = next((folder for folder in BUILDS if (folder / "template.yaml").exists()), None)
    if build is None:
        raise SystemExit("Nothing is built: run `make up` or `sam build` first.")
    functions = {
        name: _layers(resource) for name, resource in load()["Resources"].items() if resource["Type"] == "AWS::Serverless::Function"
    }
    vendor = build / "VendorLayer" / "python"
    bare_folder = _bare_handler()
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in ("bare", "compiled", *functions)}
    for _ in range(rounds):
        costs["bare"].append(_import_cost([bare_folder]))
        costs["compiled"].append(_import_cost([build / "none", vendor, bare_folder]))
        for name, layers in functions.items():
            costs[name].append(_import_cost([build / name, *(build / layer / "python" for layer in layers)]))
    medians = {name: statistics.median(wall for wall, _ in samples) for name, samples in costs.items()}
    least = {name: min(busy for _, busy in samples) for name, samples in costs.items()}
    bare, compiled = medians.pop("bare"), medians.pop("compiled")
    least_bare, least_compiled = least.pop("bare"), least.pop("compiled")
    bare_size = _size(bare_folder)
    packed_size = bare_size + sum(_size(_runtime_packages() / part, bytecode=False) for part in _SDK)
    sizes = {name: _size(build / name) + sum(_size(build / layer) for layer in layers) for name, layers in functions.items()}
    slowest, largest = max(least, key=lambda name: least[name]), max(sizes, key=lambda name: sizes[name])
    return [
        Figure("cold import of a bare Powertools + boto3 handler", "ms", (bare * 1000,)),
        Figure("… of the same with bytecode", "ms", (compiled * 1000,)),
        Figure(f"cold import, median of {rounds}, all functions", "ms", tuple(median * 1000 for median in medians.values())),
        Figure("… beside the bare handler", "ratio", tuple(median / bare for median in medians.values())),
        Figure("… beside the bare handler with bytecode", "ratio", tuple(median / compiled for median in medians.values())),
        Figure(
            f"least processor time of {rounds}, beside the bare handler's (most: {slowest})",
            "ratio",
            tuple(busy / least_bare for busy in least.values()),
            goal=GOAL,
            every=True,
        ),
        Figure("… beside that of the bare handler with bytecode", "ratio", tuple(busy / least_compiled for busy in least.values())),
        Figure("unpacked size of the bare handler, boto3 packed", "MB", (packed_size / 1e6,)),
        Figure("… boto3 left to the runtime", "MB", (bare_size / 1e6,)),
        Figure(
            f"unpacked size with layers beside it, boto3 packed (most: {largest})",
            "ratio",
            tuple(size / packed_size for size in sizes.values()),
            goal=GOAL,
            every=True,
        ),
        Figure("… boto3 left to the runtime", "ratio", tuple(size / bare_size for size in sizes.values())),
    ]


def _layers(resource: dict[str, Any]) -> list[str]:
    """Layers in the order in which the runtime looks: the function's own come after those of Globals, and the last wins."""
    shared = load()["Globals"]["Function"].get("Layers", [])
    return [name for layer in [*shared, *resource["Properties"].get("Layers", [])] if (name := target_of(layer))]


def _bare_handler() -> Path:
    """The wheels as they come, whatever our own layer leaves out."""
    folder = ROOT / ".local" / "bench" / "bare"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pins = [line.split()[0] for line in (ROOT / "locks" / "lambda.txt").read_text().splitlines() if line.partition("==")[0] in _BARE_WHEELS]
    command: list[str | Path] = [VENVS / "uv" / "bin" / "uv", "pip", "install", "--quiet", "--no-config", "--no-deps", "--python", RUNTIME]
    subprocess.run([*command, "--target", folder, *pins], env=os.environ | {"UV_SYSTEM_CERTS": "1"}, check=True)
    (folder / "handler.py").write_text(_BARE)
    return folder


def _runtime_packages() -> Path:
    return next((RUNTIME.parent.parent / "lib").glob("python3.*")) / "site-packages"


def _import_cost(path: list[Path]) -> tuple[float, float]:
    """Seconds on the wall, and of the processor."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(folder) for folder in path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "POWERTOOLS_SERVICE_NAME": "bench",
        "PYDANTIC_DISABLE_PLUGINS": str(load()["Globals"]["Function"]["Environment"]["Variables"]["PYDANTIC_DISABLE_PLUGINS"]),
        "AWS_DEFAULT_REGION": "eu-west-1",
        # Powertools decides by this whether it runs on Lambda, and loads the tracer only there.
        "LAMBDA_TASK_ROOT": "/var/task",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
    }
    done = subprocess.run([str(RUNTIME), "-c", _IMPORT], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{path[0].name} cannot be imported:\n{done.stderr}")
    wall, busy = done.stdout.split()
    return float(wall), float(busy)


@cache
def _size(path: Path, bytecode: bool = True) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and (bytecode or file.suffix != ".pyc"))
