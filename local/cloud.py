"""The emulated AWS as the laptop's own tools reach it."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.settings import Settings

KEY = "test"


def client(settings: Settings, service: str) -> Any:
    """A client of the emulator's root user."""
    connect: Any = boto3.client  # the stubs know each service by a literal name only
    return connect(
        service,
        endpoint_url=settings.endpoint,
        region_name=settings.region,
        aws_access_key_id=KEY,
        aws_secret_access_key=KEY,
        config=Config(retries={"max_attempts": 2}, connect_timeout=2),
    )


def outputs(settings: Settings) -> dict[str, str]:
    """The stack's outputs; empty when there is no stack or no emulator."""
    try:
        stacks = client(settings, "cloudformation").describe_stacks(StackName=settings.stack_name)["Stacks"]
    except (ClientError, BotoCoreError):
        return {}
    if not stacks or not stacks[0]["StackStatus"].endswith("_COMPLETE") or "ROLLBACK" in stacks[0]["StackStatus"]:
        return {}
    return {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}


def management_url(settings: Settings, stack: dict[str, str]) -> str:
    """Where the management API is served on this machine."""
    return f"{settings.endpoint}/_aws/execute-api/{stack['ManagementApiId']}"
