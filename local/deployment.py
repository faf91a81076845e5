"""`sam build` and `sam deploy`, as for AWS; skipped when neither the sources nor the parameters have changed."""

import fcntl
import hashlib
import json
import os
import platform
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import ClientError

from local import cloud
from local.settings import ROOT, Settings, venv

SOURCES = ("template.yaml", "samconfig.toml", "functions", "layers", "statemachines", "stacks", "serving_image", "locks", "events")
IMAGE_SOURCES = ("serving_image", "layers/contracts", "locks/router.txt", "locks/engine.txt", "locks/engine-llama-cpp.txt")
IGNORED_SUFFIXES = {".md"}
BYTECODE = "__pycache__"
"""Written by whoever imports a module first, at any time: what lies there is half a file for a moment."""
BUILD = ROOT / ".local" / "build"
CONFIGURATION = "local"
CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
TAIL_LINES = 25
Note = Callable[[str], None]


class DeploymentError(Exception):
    """`sam` failed; the message holds the end of its output and where the rest is."""


def fingerprint(names: tuple[str, ...] = SOURCES) -> str:
    """Digest of everything that a build reads, and of the Python that it is for."""
    running = hashlib.sha256(sys.version.encode())
    for path in _files(names):
        running.update(str(path.relative_to(ROOT)).encode() + b"\0")
        running.update(hashlib.sha256(path.read_bytes()).digest())
    return running.hexdigest()


def architecture() -> str:
    """This machine's processor, as Lambda names it."""
    return "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"


def image_tag() -> str:
    """Tag of the images that stand for the code as it is now."""
    return "local-" + fingerprint(IMAGE_SOURCES)[:12]


def _files(names: tuple[str, ...]) -> Iterator[Path]:
    for name in names:
        top = ROOT / name
        found = sorted(top.rglob("*")) if top.is_dir() else [top] if top.exists() else []
        yield from (path for path in found if path.parent.name != BYTECODE and path.suffix not in IGNORED_SUFFIXES and path.is_file())


def build(settings: Settings, parameters: dict[str, str], note: Note) -> bool:
    """Build the functions and layers for this machine's Python; whether there was anything to do. Raises DeploymentError."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the build belongs to the checkout; a second platform waits for it
        stamp, wanted = BUILD / "built.sha256", fingerprint()
        if stamp.exists() and stamp.read_text() == wanted and (BUILD / "out" / "template.yaml").exists():
            return False
        stamp.unlink(missing_ok=True)
        folders = ("--build-dir", str(BUILD / "out"), "--cache-dir", str(BUILD / "cache"))
        _sam(settings, "build", note, "--template-file", "template.yaml", "--cached", *folders, *_overrides(parameters))
        stamp.write_text(wanted)
    return True


def deploy(settings: Settings, parameters: dict[str, str], note: Note) -> bool:
    """Deploy what was built; whether there was anything to do. Raises DeploymentError."""
    wanted = hashlib.sha256(json.dumps([fingerprint(), parameters], sort_keys=True).encode()).hexdigest()
    stamp = settings.state / "deployed.sha256"
    if stamp.exists() and stamp.read_text() == wanted and cloud.outputs(settings):
        return False
    stamp.unlink(missing_ok=True)
    bucket = f"{settings.stack_name}-deployments"
    s3 = cloud.client(settings, "s3")
    try:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": settings.region})
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            raise
    options = ["--template-file", str(BUILD / "out" / "template.yaml"), "--stack-name", settings.stack_name, "--region", settings.region]
    options += [
        "--s3-bucket",
        bucket,
        "--no-progressbar",
        "--no-confirm-changeset",
        "--no-fail-on-empty-changeset",
        "--capabilities",
        *CAPABILITIES,
    ]
    _clear_failed(settings)
    began = datetime.now(UTC)
    try:
        _sam(settings, "deploy", note, *options, *_overrides(parameters))
    except DeploymentError as error:
        raise DeploymentError("\n".join(_reasons(settings, began)) or str(error)) from error
    settings.state.mkdir(parents=True, exist_ok=True)
    stamp.write_text(wanted)
    return True


def _clear_failed(settings: Settings) -> None:
    """Remove a stack whose creation failed: CloudFormation updates no such stack."""
    cloudformation = cloud.client(settings, "cloudformation")
    try:
        status = cloudformation.describe_stacks(StackName=settings.stack_name)["Stacks"][0]["StackStatus"]
    except ClientError:
        return
    if status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}:
        cloudformation.delete_stack(StackName=settings.stack_name)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=settings.stack_name, WaiterConfig={"Delay": 1})


def _reasons(settings: Settings, began: datetime) -> list[str]:
    """Which resources failed, and why, the stack's children included."""
    cloudformation = cloud.client(settings, "cloudformation")
    stacks = [stack for stack in cloudformation.list_stacks()["StackSummaries"] if stack["StackName"].startswith(settings.stack_name)]
    events = [event for stack in stacks for event in cloudformation.describe_stack_events(StackName=stack["StackId"])["StackEvents"]]
    lines = [
        f"  {event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', '')}"
        for event in events
        if event["ResourceStatus"].endswith("FAILED")
        and event["ResourceType"] != "AWS::CloudFormation::Stack"
        and event["Timestamp"] >= began
    ]
    hint = "When the cause is mended and it still fails, `make clean` and `make up` begin anew."
    return [f"`sam deploy` failed ({settings.logs / 'sam-deploy.log'}):", *lines, hint] if lines else []


def parameters(computed: dict[str, str]) -> dict[str, str]:
    """The template's parameters: what samconfig.toml says for the local environment, and what this machine decides."""
    try:
        configured = tomllib.loads((ROOT / "samconfig.toml").read_text())
    except OSError:
        configured = {}
    given = configured.get(CONFIGURATION, {}).get("deploy", {}).get("parameters", {}).get("parameter_overrides", [])
    pairs = (item.partition("=") for item in (given.split() if isinstance(given, str) else given))
    return {name: value.strip('"') for name, _, value in pairs} | computed


def _overrides(parameters: dict[str, str]) -> list[str]:
    return ["--parameter-overrides", *(f"{name}={value}" for name, value in sorted(parameters.items()))]


def _sam(settings: Settings, command: str, note: Note, *options: str) -> None:
    """Run sam with this machine's Python first on the path, everything it says kept in a log."""
    settings.logs.mkdir(parents=True, exist_ok=True)
    log = settings.logs / f"sam-{command}.log"
    environment = os.environ | {
        "PATH": os.pathsep.join((str(venv("uv") / "bin"), str(venv("sam") / "bin"), os.environ.get("PATH", ""))),
        "AWS_ENDPOINT_URL": settings.endpoint,
        "AWS_ACCESS_KEY_ID": cloud.KEY,
        "AWS_SECRET_ACCESS_KEY": cloud.KEY,
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.5",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "SLIPWAY_ROOT": str(ROOT),
        "SLIPWAY_LAMBDA_PYTHON": f"3.{sys.version_info.minor}",
        "SLIPWAY_LAMBDA_ARCHITECTURE": architecture(),
    }
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        environment.pop(name, None)
    arguments = [str(venv("sam") / "bin" / "sam"), command, "--config-env", CONFIGURATION, *options]
    process = subprocess.Popen(
        arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
    )
    lines: list[str] = []
    with log.open("w") as output:
        for line in process.stdout or ():
            output.write(line)
            lines.append(line.rstrip())
            _describe(command, lines, note)
    if process.wait() != 0:
        raise DeploymentError("\n".join([f"`sam {command}` failed. The end of what it said ({log} has all of it):", *lines[-TAIL_LINES:]]))


def _describe(command: str, lines: list[str], note: Note) -> None:
    if command == "deploy" and "CREATE_COMPLETE" in lines[-1]:
        note(f"{sum('CREATE_COMPLETE' in line for line in lines)} resources")
    elif command == "build" and "Building" in lines[-1]:
        note(f"{sum('Building' in line for line in lines)} parts")
