"""What the deployed roles are granted, and what the emulator has seen them use."""

import fnmatch
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.platform import Platform

NEGATIVE = "denial-check"
"""How the sessions are called whose calls are meant to be refused."""


@dataclass(frozen=True, order=True)
class Grant:
    """One action on one resource pattern, in one statement of one role; `role` is the logical id."""

    role: str
    sid: str
    action: str
    resource: str

    def covers(self, use: "Use") -> bool:
        """Whether it is this grant that allowed the use."""
        named = self.role == use.role and self.sid == use.sid and self.action == use.action
        return named and (use.resource == "*" or fnmatch.fnmatchcase(use.resource, self.resource))


@dataclass(frozen=True, order=True)
class Use:
    """One line of what roles have done: `decision` is Allow, Deny or ImplicitDeny."""

    role: str
    action: str
    resource: str
    sid: str
    decision: str
    session: str


@dataclass(frozen=True)
class Role:
    """A deployed role: logical id, name, policies that we wrote, and ARNs of the managed ones."""

    logical_id: str
    name: str
    statements: tuple[dict[str, Any], ...]
    managed: tuple[str, ...]

    def grants(self) -> Iterator[Grant]:
        """Its own statements, taken apart."""
        for statement in self.statements:
            for action in listed(statement["Action"]):
                for resource in listed(statement["Resource"]):
                    yield Grant(self.logical_id, statement.get("Sid", ""), action, resource)


def listed(value: Any) -> list[Any]:
    """IAM writes a list of one as the one."""
    return value if isinstance(value, list) else [value]


def deployed(platform: Platform) -> list[Role]:
    """Every role of the stack and of the stacks in it."""
    pages = platform.aws("iam").get_paginator("get_account_authorization_details").paginate(Filter=["Role"])
    details = {role["RoleName"]: role for page in pages for role in page["RoleDetailList"]}
    return [_role(logical_id, name, details[name]) for logical_id, name in _names(platform, platform.values["STACK_NAME"])]


def _names(platform: Platform, stack: str) -> Iterator[tuple[str, str]]:
    for page in platform.aws("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack):
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceType"] == "AWS::IAM::Role":
                yield resource["LogicalResourceId"], resource["PhysicalResourceId"]
            elif resource["ResourceType"] == "AWS::CloudFormation::Stack":
                yield from _names(platform, resource["PhysicalResourceId"])


def _role(logical_id: str, name: str, details: Any) -> Role:
    statements: list[dict[str, Any]] = []
    for policy in details["RolePolicyList"]:
        found: Any = policy["PolicyDocument"]["Statement"]
        statements += listed(found)
    managed = [policy["PolicyArn"] for policy in details["AttachedManagedPolicies"]]
    return Role(logical_id, name, tuple(statements), tuple(managed))


def used(file: Path, roles: list[Role], lines: int | None = None) -> list[Use]:
    """What the deployed roles have done and been refused since the platform's first start, as far as `lines` lines of the file tell."""
    logical = {role.name: role.logical_id for role in roles}
    rows = [json.loads(line) for line in file.read_text().splitlines()[:lines]]
    fields = ("action", "resource", "sid", "decision", "session")
    return [Use(logical[row["role"]], *(row[name] for name in fields)) for row in rows if row["role"] in logical]
