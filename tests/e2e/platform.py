"""A platform of the tests' own: `make up` with its own home and ports, and what a person does to it."""

import contextlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3

from local.bootstrap import machine_python
from local.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PATIENCE_SECONDS = 120.0
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 0.4
KEPT = frozenset({"PATH", "HOME", "USER", "LANG", "SLIPWAY_VENVS", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"})
_NAME, _VALUE = b"general.architecture", b"none"
TINY_GGUF = (
    struct.pack("<4sIQQ", b"GGUF", 3, 1, 1)
    + struct.pack("<Q", len(_NAME))
    + _NAME
    + struct.pack("<IQ", 8, len(_VALUE))
    + _VALUE
    + bytes(64)
)
"""A file of the right form, of one tensor and one fact: enough for the mock engine."""
TERMINAL = {"Succeeded", "Failed", "Superseded", "Cancelled"}


@dataclass(frozen=True)
class Reply:
    """An HTTP answer: status, headers by lower-case name, the text, and the text as JSON where it is."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.text)


def send(method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
    """Send a request; answers of 4xx and 5xx are answers too."""
    request = urllib.request.Request(url, data=body, method=method, headers=dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read().decode())
    except urllib.error.HTTPError as error:
        return Reply(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read().decode())


def snippet(name: str) -> str:
    """The README's code block marked `try:<name>`."""
    found = re.search(rf"^```\w+ try:{name}\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"README.md has no block marked try:{name}"
    return found.group(1)


def eventually(look: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """What `look` answers once it is true; fails with `what` when time is up. Looks ever more seldom: a look is work for the platform."""
    deadline, pause = time.monotonic() + seconds, SHORTEST_PAUSE_SECONDS
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(pause)
        pause = min(1.5 * pause, LONGEST_PAUSE_SECONDS)
    return seen


def free_ports(count: int) -> list[int]:
    """That many ports of 127.0.0.1 that nobody uses at this moment."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


class Platform:
    """One running platform. `upstream_port` is where a stub of a third party may listen: the one private address that is allowed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._clients: dict[str, Any] = {}
        self._physical: dict[str, str] = {}
        self._making = threading.Lock()
        emulator, containers, router, self.upstream_port = free_ports(4)
        # Which registry to use and whom to trust is the machine's business.
        kept = {name: value for name, value in os.environ.items() if name in KEPT or name.upper().startswith(("PIP_", "UV_", "SSL_CERT_"))}
        self.environment = kept | {
            "SLIPWAY_HOME": str(home),
            "SLIPWAY_EMULATOR_PORT": str(emulator),
            "SLIPWAY_CONTAINERS_PORT": str(containers),
            "SLIPWAY_ROUTER_PORT": str(router),
            "SLIPWAY_API_BASE_ALLOW_LIST": f"127.0.0.1:{self.upstream_port}",
            "SLIPWAY_FAULTS": "on",
            "PYTHON": str(machine_python()),  # which has made the suite's environments: another one would make them anew
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def settings(self) -> Settings:
        """Where its things are, as the laptop's own programs see it."""
        emulator, router, containers = (int(self.environment[f"SLIPWAY_{name}_PORT"]) for name in ("EMULATOR", "ROUTER", "CONTAINERS"))
        return Settings(home=self.home, emulator_port=emulator, router_port=router, containers_port=containers)

    def run(self, command: str, *, seconds: float = 900) -> "subprocess.CompletedProcess[str]":
        """A shell command in the checkout, with this platform's environment and nothing else of ours."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def tried(self, name: str) -> str:
        """The output of the README's block `name`, after its block `env`."""
        return self._checked(self.run(snippet("env") + snippet(name)))

    def tried_python(self, name: str) -> str:
        """The output of the README's Python block `name`, with the environment of its block `env`."""
        return self._checked(self.run(f"{snippet('env')}exec {sys.executable} - <<'PROGRAM'\n{snippet(name)}PROGRAM\n"))

    def up(self) -> str:
        """`make up`; its output."""
        output = self._checked(self.run("make up"))
        self.__dict__.pop("values", None)
        self._clients.clear()
        self._physical.clear()
        return output

    def _checked(self, done: "subprocess.CompletedProcess[str]") -> str:
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @cached_property
    def values(self) -> dict[str, str]:
        """The platform's env file."""
        lines = (self.home / "env").read_text().splitlines()
        return {name: value for name, _, value in (line.partition("=") for line in lines if "=" in line)}

    def call(self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str) -> Reply:
        """A request to the management API by an administrator, or whom `token` names ("" = nobody). `body`: bytes, or JSON to be."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        bearer = self.values["ADMIN_TOKEN"] if token is None else token
        sent = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
        return send(
            method, self.values["MANAGEMENT_URL"] + path, data, sent | {name.replace("_", "-"): value for name, value in headers.items()}
        )

    def change(self, model_id: str, changes: Mapping[str, Any]) -> Reply:
        """`PATCH` with the acknowledgement that the first answer asks for, if it does."""
        reply = self.call("PATCH", f"/models/{model_id}", dict(changes))
        if reply.status == 409 and reply.json["code"] == "restart-acknowledgement-required":
            reply = self.call("PATCH", f"/models/{model_id}", {**changes, "acknowledge": reply.json["acknowledge"]})
        return reply

    def ask(self, model_id: str, *, token: str | None = None, **options: Any) -> Reply:
        """A chat completion through the router; by the laptop's application unless `token` says otherwise."""
        body = {"model": model_id, "messages": [{"role": "user", "content": "Say something."}], "max_tokens": 8, **options}
        sent = {"Content-Type": "application/json", "Authorization": f"Bearer {token or self.values['OPENAI_API_KEY']}"}
        return send("POST", self.values["OPENAI_BASE_URL"] + "/chat/completions", json.dumps(body).encode(), sent)

    def answers(self, model_id: str) -> None:
        """Wait until the router answers for the model: a router follows a moment behind the event that the model is in service."""
        eventually(lambda: self.ask(model_id).status == 200, f"{model_id} answers", seconds=10)

    def visible(self, token: str) -> set[str]:
        """The ids in `GET /v1/models`."""
        reply = send("GET", self.values["OPENAI_BASE_URL"] + "/models", headers={"Authorization": f"Bearer {token}"})
        assert reply.status == 200, reply.text
        return {model["id"] for model in reply.json["data"]}

    def issue(self, name: str, groups: list[str], scopes: list[str]) -> str:
        """A new token, which the router knows by now."""
        reply = self.call("POST", "/tokens", {"name": name, "groups": groups, "scopes": scopes})
        assert reply.status == 201, reply.text
        token, url = str(reply.json["token"]), self.values["OPENAI_BASE_URL"] + "/models"
        eventually(lambda: send("GET", url, headers={"Authorization": f"Bearer {token}"}).status != 401, "the router knows the token")
        return token

    def settled(self, accepted: Reply, seconds: float = PATIENCE_SECONDS) -> Any:
        """The operation that a 202 named, once it has ended."""
        assert accepted.status == 202, accepted.text
        return self.ended(accepted.json["operation_id"], self.call, seconds)

    def ended(self, operation_id: str, call: Callable[[str, str], Reply], seconds: float = PATIENCE_SECONDS) -> Any:
        """The operation once it has ended, as `call` reads it; how it stands, and its model, when time is up."""
        path, seen = f"/operations/{operation_id}", dict[str, Any]()

        def look() -> bool:
            seen.update(call("GET", path).json)
            return seen.get("status") in TERMINAL

        try:
            eventually(look, f"{path} ends", seconds)
        except AssertionError as error:
            model = self.call("GET", f"/models/{seen.get('model_id')}").text
            raise AssertionError(f"{error}\n{seen}\n{model}\n{self.errors_in_logs()}") from None
        return seen

    def errors_in_logs(self) -> str:
        """The last errors that functions have logged, for whoever reads a failure."""
        logs, found = self.aws("logs"), []
        for group in logs.describe_log_groups()["logGroups"]:
            events = logs.filter_log_events(logGroupName=group["logGroupName"], filterPattern="ERROR").get("events", [])
            found += [
                f"{event['timestamp']} {group['logGroupName']} {event['message'][:600]}" for event in events if "ERROR" in event["message"]
            ]
        return "\n".join(sorted(found)[-20:])

    def logged(self, context: str, word: str) -> str:
        """What a context's functions have said that holds the word."""
        group = f"/slipway/{self.values['STACK_NAME']}/{context}"
        events = self.aws("logs").filter_log_events(logGroupName=group, filterPattern=f'"{word}"').get("events", [])
        return "\n".join(event["message"] for event in events)

    def parrot(self, model_id: str, groups: list[str] | None = None, **arguments: Any) -> dict[str, Any]:
        """The wish for a model of the mock engine."""
        return {
            "model_id": model_id,
            "hosting": "hosted",
            "allowed_groups": groups or ["research"],
            "artifact": self.artifact_for(model_id),
            "engine": {"kind": "mock", "arguments": arguments},
        }

    def artifact_for(self, model_id: str, content: bytes = TINY_GGUF) -> dict[str, str]:
        """Put a tiny artefact of that name into the bucket; where it lies and its digest."""
        from hashlib import sha256

        files = [{"path": "weights.gguf", "size_bytes": len(content), "sha256": sha256(content).hexdigest()}]
        manifest = {
            "schema": "slipway.manifest/1",
            "model_id": model_id,
            "version": "1.0.0",
            "format": "gguf",
            "license": "CC0-1.0",
            "files": files,
        }
        body = json.dumps(manifest).encode()
        bucket, prefix = self.values["ARTIFACT_BUCKET"], f"{model_id}/1.0.0/"
        self.aws("s3").put_object(Bucket=bucket, Key=f"{prefix}weights.gguf", Body=content)
        self.aws("s3").put_object(Bucket=bucket, Key=f"{prefix}manifest.json", Body=body)
        return {"uri": f"s3://{bucket}/{prefix}", "manifest_sha256": sha256(body).hexdigest()}

    def aws(self, service: str) -> Any:
        """A boto3 client made from the env file alone, as the AWS CLI would be; made once, for that takes longer than most calls do."""
        with self._making:
            if service not in self._clients:
                connect: Any = (
                    boto3.session.Session().client
                )  # a session is one thread's; the stubs know each service by a literal name only
                self._clients[service] = connect(
                    service,
                    endpoint_url=self.values["AWS_ENDPOINT_URL"],
                    region_name=self.values["AWS_DEFAULT_REGION"],
                    aws_access_key_id=self.values["AWS_ACCESS_KEY_ID"],
                    aws_secret_access_key=self.values["AWS_SECRET_ACCESS_KEY"],
                )
            return self._clients[service]

    def services_of(self, model_id: str) -> list[str]:
        """ECS services that belong to the model, whatever its version and generation."""
        arns = self.aws("ecs").list_services(cluster=self.values["CLUSTER_NAME"], maxResults=100)["serviceArns"]
        return [arn for arn in arns if f"/slipway-local-{model_id}-" in arn]

    def tasks_of(self, model_id: str) -> list[str]:
        """ECS tasks of the model that have not stopped."""
        ecs, cluster = self.aws("ecs"), self.values["CLUSTER_NAME"]
        arns = ecs.list_tasks(cluster=cluster)["taskArns"]
        tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
        return [task["taskArn"] for task in tasks if f"slipway-local-{model_id}-" in task["group"] and task["lastStatus"] != "STOPPED"]

    def route_of(self, model_id: str) -> Any:
        """The route table's row, or None."""
        row = self.aws("dynamodb").get_item(
            TableName=self.physical("RoutingRouteTable"), Key={"pk": {"S": "ROUTES"}, "sk": {"S": f"ROUTE#{model_id}"}}, ConsistentRead=True
        )
        return json.loads(row["Item"]["document"]["S"]) if "Item" in row else None

    def physical(self, logical_id: str) -> str:
        """The physical id of a resource of the stack."""
        if logical_id not in self._physical:
            stack = self.values["STACK_NAME"]
            found = self.aws("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
            self._physical[logical_id] = str(found["StackResourceDetail"]["PhysicalResourceId"])
        return self._physical[logical_id]

    def rows(self, logical_id: str) -> Iterator[dict[str, Any]]:
        """Every row of a table."""
        for page in self.aws("dynamodb").get_paginator("scan").paginate(TableName=self.physical(logical_id)):
            yield from page["Items"]

    def assert_nothing_left(self, model_id: str) -> None:
        """Neither service nor task nor open route; the ledger may stay."""
        eventually(lambda: not self.services_of(model_id), f"{model_id} has no ECS service")
        eventually(lambda: not self.tasks_of(model_id), f"{model_id} has no task")
        eventually(lambda: (self.route_of(model_id) or {"state": "closed"})["state"] == "closed", f"{model_id} has no open route")

    def is_on_disk(self, **words: str) -> bool:
        """Whether the emulator has written down each of these words, by the service whose they are. It does so every few seconds."""
        files = {service: self.home / "state" / "emulator" / f"{service}.json" for service in words}
        return all(files[service].is_file() and word.encode() in files[service].read_bytes() for service, word in words.items())

    def kill_emulator(self) -> None:
        """SIGKILL, as a power cut would."""
        os.kill(self.emulator_pid(), signal.SIGKILL)

    def emulator_pid(self) -> int:
        """The emulator's process."""
        return int(json.loads((self.home / "run" / "emulator.json").read_text())["pid"])

    def down(self) -> str:
        """`make down`; its output."""
        return self._checked(self.run("make down"))


class Started:
    """The platform, and what `make up` said."""

    def __init__(self, platform: Platform, output: str) -> None:
        self.platform, self.output = platform, output
