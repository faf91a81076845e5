"""Each role is refused what it must not do: with its own credentials, over the wire."""

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.e2e.platform import Platform, Reply, Started, send
from tests.emulator.privilege.forbidden import Call, calls
from tests.emulator.privilege.grants import NEGATIVE, Role, deployed
from tests.evidence import counted, scaled

EACH = 14
REFUSALS = ("AccessDenied", "not authorized")


@pytest.fixture(scope="module")
def roles(started: Started) -> list[Role]:
    """Every deployed role."""
    return deployed(started.platform)


@pytest.fixture(scope="module")
def forbidden(started: Started) -> list[Call]:
    """Every call of the catalogue."""
    return calls(started.platform)


Key = Callable[[Role], Credentials]


@pytest.fixture(scope="module")
def key(started: Started) -> Key:
    """Finds the key of a role: with two clients for all roles, as a client takes longer to be made than to be used."""
    return partial(assumed, started.platform.aws("iam"), started.platform.aws("sts"))


def assumed(iam: Any, sts: Any, role: Role) -> Credentials:
    """Credentials of the role: its trust is opened to this account for a moment, as only its service may assume it."""
    account = "000000000000"
    trust = iam.get_role(RoleName=role.name)["Role"]["AssumeRolePolicyDocument"]
    opened = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
    try:
        iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [opened]}))
        found = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/{role.name}", RoleSessionName=NEGATIVE)["Credentials"]
    finally:
        iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=trust if isinstance(trust, str) else json.dumps(trust))
    return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])


def attempt(platform: Platform, credentials: Credentials, call: Call) -> Reply:
    """What the service answers."""
    request = AWSRequest(call.method, platform.settings.endpoint + call.path, headers=call.headers, data=call.body)
    signer: Any = S3SigV4Auth if call.service == "s3" else SigV4Auth
    signer(credentials, call.service, platform.values["AWS_DEFAULT_REGION"]).add_auth(request)
    return send(call.method, str(request.url), call.body, dict(request.headers))


def test_each_role_is_refused_what_is_not_its_business(platform: Platform, key: Key, roles: list[Role], forbidden: list[Call]) -> None:
    """A sample of the catalogue for each, another one in each role's turn, at least ten; all of it in a deep run."""
    dice = random.Random("denials")

    def check(role: Role) -> tuple[int, list[str]]:
        bad = [call for call in forbidden if call.forbidden_for(role.logical_id)]
        chosen = dice.sample(bad, min(len(bad), max(10, scaled(EACH))))
        credentials, wrong = key(role), list[str]()
        for call in chosen:
            reply = attempt(platform, credentials, call)
            if not any(word in reply.text for word in REFUSALS):
                wrong.append(f"{role.logical_id} may {call.name}: {reply.status} {reply.text[:200]}")
        return len(chosen), wrong

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(check, roles))
    assert [line for _, wrong in found for line in wrong] == []
    assert all(count >= 10 for count, _ in found)
    counted("denials_checked", sum(count for count, _ in found))
    counted("roles_checked", len(roles))


def test_the_check_sees_what_is_allowed(platform: Platform, key: Key, roles: list[Role], forbidden: list[Call]) -> None:
    """The same request by a role whose business it is goes through: a refusal is not for want of a signature."""
    (reader,) = [role for role in roles if role.logical_id == "AccessIssueTokenFunctionRole"]
    (pepper,) = [call for call in forbidden if call.name == "secretsmanager:GetSecretValue pepper"]
    reply = attempt(platform, key(reader), pepper)
    assert reply.status == 200, reply.text
    assert "SecretString" in reply.json
