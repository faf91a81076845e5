"""Calls that must be refused, each with the few roles that may. Not derived from the policies: this is what they are for."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.e2e.platform import Platform

TABLES = {"Serving": "ServingModelTable", "Routing": "RoutingRouteTable", "Access": "AccessTokenTable", "Registry": "RegistryVersionTable",
          "Usage": "UsageAuditTable"}  # fmt: skip
SOURCES = ("serving", "routing", "access", "registry", "usage")
MACHINES = {
    "Provision": "ServingOnModelRequestedFunctionRole",
    "Update": "ServingOnModelUpdatedFunctionRole",
    "Stop": "ServingOnModelStopRequestedFunctionRole",
    "Retire": "ServingOnModelDeletionRequestedFunctionRole",
}
_JSON = "application/x-amz-json-1.0"


@dataclass(frozen=True)
class Call:
    """A request of a JSON, query or REST service; `unless` is a pattern of the logical ids of roles that may do it."""

    name: str
    service: str
    body: bytes
    target: str = ""
    method: str = "POST"
    path: str = "/"
    unless: str = "^$"

    @property
    def headers(self) -> dict[str, str]:
        """What the service tells the operation by."""
        if self.target:
            return {"X-Amz-Target": self.target, "Content-Type": _JSON}
        return {"Content-Type": "application/x-www-form-urlencoded" if self.path == "/" and self.method == "POST" else "application/json"}

    def forbidden_for(self, role: str) -> bool:
        """Whether the role must be refused it."""
        return re.search(self.unless, role) is None


def _json(name: str, service: str, target: str, body: dict[str, Any], unless: str = "^$") -> Call:
    return Call(name, service, json.dumps(body).encode(), target, unless=unless)


def _query(name: str, service: str, version: str, unless: str = "^$", **parameters: str) -> Call:
    action = name.split(":")[1].split(" ", maxsplit=1)[0]
    return Call(name, service, urlencode({"Action": action, "Version": version, **parameters}).encode(), unless=unless)


def calls(platform: Platform) -> list[Call]:
    """All of them, about the resources of this platform."""
    return [*_tables(platform), *_events(platform), *_secrets(platform), *_objects(platform), *_compute(platform), *_account(platform)]


def _tables(platform: Platform) -> Iterator[Call]:
    key = {"pk": {"S": "x"}, "sk": {"S": "x"}}
    for context, logical_id in TABLES.items():
        table, own = platform.physical(logical_id), f"^{context}"
        reader = own if context in {"Registry", "Usage"} else f"{own}|^RouterTaskRole"
        yield _json(f"dynamodb:GetItem {context}", "dynamodb", "DynamoDB_20120810.GetItem", {"TableName": table, "Key": key}, reader)
        yield _json(f"dynamodb:PutItem {context}", "dynamodb", "DynamoDB_20120810.PutItem", {"TableName": table, "Item": key}, own)
        yield _json(f"dynamodb:DeleteItem {context}", "dynamodb", "DynamoDB_20120810.DeleteItem", {"TableName": table, "Key": key}, own)
        write = {"TransactItems": [{"Put": {"TableName": table, "Item": key}}]}
        yield _json(f"dynamodb:TransactWriteItems {context}", "dynamodb", "DynamoDB_20120810.TransactWriteItems", write, own)
        yield _json(f"dynamodb:Scan {context}", "dynamodb", "DynamoDB_20120810.Scan", {"TableName": table})
        yield _json(f"dynamodb:DeleteTable {context}", "dynamodb", "DynamoDB_20120810.DeleteTable", {"TableName": table})


def _events(platform: Platform) -> Iterator[Call]:
    bus = platform.values["BUS_NAME"]
    for source in SOURCES:
        announcers = f"^{source.capitalize()}(Announce|Sweep)\\w*FunctionRole$"
        entry = {"Source": f"slipway.{source}", "DetailType": "ModelInService", "Detail": "{}", "EventBusName": bus}
        yield _json(f"events:PutEvents {source}", "events", "AWSEvents.PutEvents", {"Entries": [entry]}, announcers)
    forged = {"Source": "slipway.routing", "DetailType": "RouteChanged", "Detail": "{}", "EventBusName": bus}
    announcers = "^Routing(Announce|Sweep)\\w*FunctionRole$"
    yield _json("events:PutEvents RouteChanged", "events", "AWSEvents.PutEvents", {"Entries": [forged]}, announcers)
    yield _json("events:PutRule", "events", "AWSEvents.PutRule", {"Name": "x", "EventPattern": '{"source": ["x"]}', "EventBusName": bus})


def _secrets(platform: Platform) -> Iterator[Call]:
    get = "secretsmanager.GetSecretValue"
    pepper, engine = platform.physical("TokenPepper"), platform.physical("EngineKey")
    readers = "^Access(AuthorizeRequest|IssueToken)FunctionRole$|^RouterTaskRole"
    yield _json("secretsmanager:GetSecretValue pepper", "secretsmanager", get, {"SecretId": pepper}, readers)
    yield _json("secretsmanager:GetSecretValue engines' key", "secretsmanager", get, {"SecretId": engine}, "ExecutionRole$")
    other = pepper.replace("TokenPepper", "SomebodyElse")
    yield _json("secretsmanager:GetSecretValue another's", "secretsmanager", get, {"SecretId": other})
    new = {"SecretId": pepper, "SecretString": "x", "ClientRequestToken": "0" * 32}
    yield _json("secretsmanager:PutSecretValue pepper", "secretsmanager", "secretsmanager.PutSecretValue", new)


def _objects(platform: Platform) -> Iterator[Call]:
    bucket = platform.values["ARTIFACT_BUCKET"]
    yield Call("s3:PutObject artefacts", "s3", b"x", method="PUT", path=f"/{bucket}/forged/manifest.json")
    yield Call("s3:DeleteObject artefacts", "s3", b"", method="DELETE", path=f"/{bucket}/forged/manifest.json")
    yield Call("s3:GetObject elsewhere", "s3", b"", method="GET", path=f"/{platform.values['STACK_NAME']}-deployments/x")


def _compute(platform: Platform) -> Iterator[Call]:
    ecs, cluster = "AmazonEC2ContainerServiceV20141113", platform.values["CLUSTER_NAME"]
    router = {"cluster": cluster, "service": "router-local"}
    enders = "^Serving(OnRouteHealthObserved|SweepModels)FunctionRole$"  # they end copies that will never answer
    yield _json("ecs:UpdateService router", "ecs", f"{ecs}.UpdateService", router | {"desiredCount": 0})
    yield _json("ecs:DeleteService router", "ecs", f"{ecs}.DeleteService", router | {"force": True})
    yield _json("ecs:StopTask", "ecs", f"{ecs}.StopTask", {"cluster": cluster, "task": "0" * 32}, enders)
    yield _json("ecs:RunTask", "ecs", f"{ecs}.RunTask", {"cluster": cluster, "taskDefinition": "router-local"})
    foreign = {"family": "router-local", "containerDefinitions": [{"name": "x", "image": "x"}]}
    yield _json("ecs:RegisterTaskDefinition router", "ecs", f"{ecs}.RegisterTaskDefinition", foreign)
    yield _json("ecs:DeleteCluster", "ecs", f"{ecs}.DeleteCluster", {"cluster": cluster})
    for name, starter in MACHINES.items():
        machine = platform.physical(f"Serving{name}ModelStateMachine")
        start = {"stateMachineArn": machine, "input": "{}"}
        yield _json(f"states:StartExecution {name}", "states", "AWSStepFunctions.StartExecution", start, f"^{starter}$|^ServingSweepModels")
    function = platform.physical("AccessIssueTokenFunction")
    yield Call("lambda:InvokeFunction", "lambda", b"{}", path=f"/2015-03-31/functions/{function}/invocations")
    yield Call(
        "lambda:UpdateFunctionConfiguration",
        "lambda",
        b'{"Timeout": 3}',
        method="PUT",
        path=f"/2015-03-31/functions/{function}/configuration",
    )


def _account(platform: Platform) -> Iterator[Call]:
    role, policy = "slipway-forged", '{"Version": "2012-10-17", "Statement": []}'
    yield _query("iam:CreateRole", "iam", "2010-05-08", RoleName=role, AssumeRolePolicyDocument=policy)
    yield _query("iam:PutRolePolicy", "iam", "2010-05-08", RoleName=role, PolicyName="x", PolicyDocument=policy)
    yield _query("iam:AttachRolePolicy", "iam", "2010-05-08", RoleName=role, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    yield _query("iam:CreateAccessKey", "iam", "2010-05-08", UserName="x")
    yield _query("cloudformation:DeleteStack", "cloudformation", "2010-05-15", StackName=platform.values["STACK_NAME"])
    for context in TABLES:
        queue, own = platform.physical(f"{context}DeadLetters"), f"^{context}"
        send = {"QueueUrl": queue, "MessageBody": "x"}
        yield _json(f"sqs:SendMessage {context}", "sqs", "AmazonSQS.SendMessage", send, own)
        yield _json(f"sqs:ReceiveMessage {context}", "sqs", "AmazonSQS.ReceiveMessage", {"QueueUrl": queue})
    member = {"UserPoolId": platform.values["USER_POOL_ID"], "Username": "x", "GroupName": "slipway-admins"}
    yield _json("cognito-idp:AdminAddUserToGroup", "cognito-idp", "AWSCognitoIdentityProviderService.AdminAddUserToGroup", member)
