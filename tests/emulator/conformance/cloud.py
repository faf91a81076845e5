"""The emulated AWS as the conformance tests use it."""

import functools
import io
import json
import socket
import sys
import time
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3

from local.settings import Settings

RUNTIME = f"python3.{sys.version_info.minor}"
DEADLINE_SECONDS = 20.0
T = TypeVar("T")


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def eventually(probe: Callable[[], T], wanted: Callable[[T], bool] = bool) -> T:
    """Ask again until the answer is as wanted; the last answer, wanted or not, when the deadline passes (the assertion then shows it)."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        answer = probe()
        if wanted(answer) or time.monotonic() > deadline:
            return answer
        time.sleep(0.05)


@functools.cache
def made(service: str, endpoint: str, region: str, keys: tuple[tuple[str, str], ...]) -> Any:
    """A client; made once, for that takes longer than most calls do."""
    connect: Any = boto3.client  # the stubs know each service by a literal name
    return connect(service, endpoint_url=endpoint, region_name=region, **dict(keys))


@dataclass
class Cloud:
    """The emulated AWS as a test sees it."""

    settings: Settings

    def client(self, service: str, **credentials: str) -> Any:
        """A boto3 client of the root user, or of whoever the credentials name."""
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"} | credentials
        return made(service, self.settings.endpoint, self.settings.region, tuple(sorted(keys.items())))

    def name(self, prefix: str = "t") -> str:
        """A name no other test uses."""
        return f"{prefix}-{uuid.uuid4().hex[:10]}"

    def role(self, service: str, statements: list[dict[str, Any]] | None = None) -> str:
        """The ARN of a new role that a service may assume."""
        iam, name = self.client("iam"), self.name("role")
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]}
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        if statements:
            iam.put_role_policy(
                RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements})
            )
        return arn

    def function(
        self, code: str, *, layers: list[str] | None = None, statements: list[dict[str, Any]] | None = None, timeout: int = 10
    ) -> str:
        """The ARN of a new function whose module is `code` with a `handler(event, context)`."""
        archive = archived({"app.py": code})
        arn: str = self.client("lambda").create_function(
            FunctionName=self.name("fn"), Runtime=RUNTIME, Role=self.role("lambda.amazonaws.com", statements), Handler="app.handler",
            Code={"ZipFile": archive}, Timeout=timeout, Layers=layers or [],
        )["FunctionArn"]  # fmt: skip
        return arn

    def invoke(self, function: str, event: Any = None) -> dict[str, Any]:
        """Invoke and decode; `error` says whether the function failed."""
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event or {}))
        return {"error": "FunctionError" in answer, "body": json.loads(answer["Payload"].read())}

    def queue(self, *, open_to_events: bool = True, **attributes: str) -> tuple[str, str]:
        """URL and ARN of a new queue."""
        sqs, name = self.client("sqs"), self.name("q")
        arn = f"arn:aws:sqs:{self.settings.region}:000000000000:{name}"
        if open_to_events:
            statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
            attributes["Policy"] = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        return sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"], arn

    def received(self, url: str, count: int = 1) -> list[dict[str, Any]]:
        """At least `count` messages of a queue, if they come before the deadline."""
        sqs, found = self.client("sqs"), []

        def more() -> int:
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageAttributeNames=["All"])
            found.extend(answer.get("Messages", []))
            return len(found)

        eventually(more, lambda total: total >= count)
        return found

    def deploy(self, resources: dict[str, Any], outputs: dict[str, Any] | None = None, transform: str | None = None) -> dict[str, str]:
        """Deploy a stack; its outputs."""
        cloudformation, name = self.client("cloudformation"), self.name("stack")
        template: dict[str, Any] = {"Resources": resources, "Outputs": {key: {"Value": value} for key, value in (outputs or {}).items()}}
        if transform:
            template["Transform"] = transform
        capabilities = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=capabilities)
        stack = eventually(
            lambda: cloudformation.describe_stacks(StackName=name)["Stacks"][0],
            lambda found: not found["StackStatus"].endswith("IN_PROGRESS"),
        )
        assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def archived(files: dict[str, str]) -> bytes:
    """A zip file of text files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return buffer.getvalue()
