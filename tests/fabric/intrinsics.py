"""What CloudFormation's functions in template.yaml come to for one stack of the fabric: names, ARNs, parameters."""

import re
from collections.abc import Mapping
from typing import Any

from tests.architecture.reading import template
from tests.fabric.aws.boundary import ACCOUNT, PARTITION, REGION

STACK = "slipway-test"
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/cluster"
PARAMETERS: Mapping[str, Any] = {
    "Environment": "test",
    "ApiBaseAllowList": "llm.internal",
    "EngineImageVllm": "slipway/engine-vllm@sha256:" + "1" * 64,
    "EngineImageLlamaCpp": "slipway/engine-llama-cpp@sha256:" + "2" * 64,
    "EngineImageMock": "slipway/engine-mock@sha256:" + "3" * 64,
}
"""What differs from the template's own defaults."""
_PSEUDO = {
    "AWS::Partition": PARTITION,
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
}
_OUTPUTS = {
    "ClusterArn": CLUSTER,
    "ClusterName": "cluster",
    "EngineSubnets": "subnet-0a1b2c3d4e5f60718,subnet-1a1b2c3d4e5f60718",
    "EngineSecurityGroups": "sg-0a1b2c3d4e5f60718",
    "EngineTaskRoleArn": f"arn:aws:iam::{ACCOUNT}:role/engine-task",
    "EngineExecutionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/engine-execution",
    "EngineLogGroup": "/slipway/engines",
    "GpuCapacityProvider": "gpus",
}
_ARNS = {
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::Serverless::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::Serverless::StateMachine": "states:{region}:{account}:stateMachine:{name}",
    "AWS::Events::EventBus": "events:{region}:{account}:event-bus/{name}",
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::SecretsManager::Secret": "secretsmanager:{region}:{account}:secret:{name}-AbCdEf",
    "AWS::Scheduler::ScheduleGroup": "scheduler:{region}:{account}:schedule-group/{name}",
}


def name_of(logical_id: str) -> str:
    """The physical name of a resource: the one that the template gives it, else its logical id."""
    resource = template()["Resources"][logical_id]
    properties = resource.get("Properties", {})
    for key in ("FunctionName", "Name"):
        if key in properties:
            return str(resolve(properties[key]))
    if resource["Type"] == "AWS::Serverless::StateMachine":
        return str(properties["DefinitionUri"]).rsplit("/", 1)[-1].removesuffix(".asl.yaml")
    return "slipway-artifacts" if resource["Type"] == "AWS::S3::Bucket" else logical_id


def arn_of(logical_id: str) -> str:
    """A resource's ARN."""
    form = _ARNS[template()["Resources"][logical_id]["Type"]]
    return f"arn:{PARTITION}:" + form.format(region=REGION, account=ACCOUNT, name=name_of(logical_id))


def resolve(value: Any) -> Any:
    """A value of the template as CloudFormation would hand it on. KeyError or ValueError for what this stack does not know."""
    if isinstance(value, list):
        return [resolve(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, inside),) = value.items()
        if key == "Ref" or key.startswith("Fn::"):
            return _call(key, inside)
    return {name: resolve(item) for name, item in value.items()}


def condition(name: str) -> bool:
    """Whether a condition of the template holds."""
    return bool(_truth(template()["Conditions"][name]))


def _call(key: str, inside: Any) -> Any:
    if key == "Ref":
        return _ref(inside)
    if key == "Fn::GetAtt":
        logical_id, attribute = inside
        return _attribute(logical_id, attribute)
    if key == "Fn::Sub":
        return re.sub(r"\$\{([^!}]+)\}", lambda match: str(_named(match[1])), inside)
    if key == "Fn::Join":
        separator, parts = inside
        listed = resolve(parts)
        return separator.join(listed if isinstance(listed, list) else str(listed).split(","))
    if key == "Fn::If":
        name, yes, no = inside
        return resolve(yes if condition(name) else no)
    message = f"{key} is not resolved"
    raise ValueError(message)


def _named(text: str) -> Any:
    logical_id, _, attribute = text.partition(".")
    return _attribute(logical_id, attribute) if attribute else _ref(logical_id)


def _ref(name: str) -> Any:
    if name in _PSEUDO:
        return _PSEUDO[name]
    if name in template()["Parameters"]:
        given = PARAMETERS.get(name, template()["Parameters"][name].get("Default", ""))
        return str(given)
    kind = template()["Resources"][name]["Type"]
    return arn_of(name) if kind in {"AWS::SecretsManager::Secret", "AWS::Serverless::StateMachine"} else name_of(name)


def _attribute(logical_id: str, attribute: str) -> Any:
    if attribute.startswith("Outputs."):
        return _OUTPUTS[attribute.removeprefix("Outputs.")]
    if attribute in {"Arn", "StreamArn"}:
        return arn_of(logical_id) + ("/stream/2026-01-01T00:00:00.000" if attribute == "StreamArn" else "")
    message = f"{logical_id}.{attribute} is not resolved"
    raise ValueError(message)


def _truth(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1:
        ((key, inside),) = value.items()
        if key == "Fn::Equals":
            one, other = (resolve(item) for item in inside)
            return str(one) == str(other)
        if key == "Fn::Not":
            return not _truth(inside[0])
        if key in {"Fn::And", "Fn::Or"}:
            return (all if key == "Fn::And" else any)(_truth(item) for item in inside)
        if key == "Condition":
            return condition(inside)
    return resolve(value)
