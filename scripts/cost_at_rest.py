"""What an environment costs a month when nobody uses it, in USD, counted from the templates as they are.

`python scripts/cost_at_rest.py [PARAMETER=VALUE…]` prints every line of the bill and exits 1 when a goal is missed. List prices of
us-east-1, without any free allowance: an account's first dashboards, alarms and metrics may be somebody else's.

Metrics of our own cost nothing at rest: none is told while nothing happens, and CloudWatch bills them by the hour in which they are.
"""

import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.template import ROOT, load

PRICED_ON = "2026-11-21 (figures of the price lists read between 2026-08-09 and 2026-10-20)"
HOURS = 730
GOAL_WITHOUT_ROUTER, GOAL_WITH_ROUTER = 5.0, 45.0  # of the least that is watched
GOAL_OF_WATCHING = 23.0  # what ObservabilityLevel=full adds

ALARM_METRIC, COMPOSITE_ALARM, DASHBOARD = 0.10, 0.50, 3.00
METRIC = 0.30  # a month, by the hour in which it is told
SECRET = 0.40
SQS_REQUEST = 0.40 / 1e6
# A mapping on an idle queue keeps five pollers, each asking every 20 seconds.
EMPTY_RECEIVES = 5 * 3 * 60 * HOURS
LAMBDA_REQUEST, LAMBDA_GB_SECOND = 0.20 / 1e6, 0.0000133334
SWEEP_SECONDS = 0.25
SCHEDULE = 1.00 / 1e6
READ_UNIT = 0.125 / 1e6
READS_A_SWEEP = 8
# The heads of the routes' feed and of the tokens', as often as router/settings.py says, strongly consistent.
READS_A_ROUTER_SECOND = 1 / 0.7 + 1
LOG_GB, LOG_LINE_BYTES, LOG_LINES_A_SWEEP = 0.50, 600, 5
BALANCER_HOUR, PUBLIC_ADDRESS_HOUR = 0.0225, 0.005
FARGATE_CPU_HOUR = {"arm64": 0.03238, "x86_64": 0.04048}
FARGATE_GB_HOUR = {"arm64": 0.00356, "x86_64": 0.004445}
# Everything billed by the hour or month merely for existing. What is not named here and not priced below must not appear unnoticed.
_FREE = """
    AWS::Serverless::Function AWS::Serverless::LayerVersion AWS::Serverless::HttpApi AWS::Serverless::StateMachine AWS::IAM::Role
    AWS::IAM::InstanceProfile AWS::DynamoDB::Table AWS::Events::EventBus AWS::Events::Rule AWS::Events::Archive AWS::SQS::Queue
    AWS::SQS::QueuePolicy
    AWS::Scheduler::ScheduleGroup AWS::S3::Bucket AWS::S3::BucketPolicy AWS::Cognito::UserPool AWS::Cognito::UserPoolClient
    AWS::Cognito::UserPoolGroup AWS::Logs::LogGroup AWS::Logs::MetricFilter AWS::CloudFormation::Stack AWS::EC2::VPC AWS::EC2::Subnet
    AWS::EC2::InternetGateway AWS::EC2::VPCGatewayAttachment AWS::EC2::RouteTable AWS::EC2::Route AWS::EC2::SubnetRouteTableAssociation
    AWS::EC2::SecurityGroup
    AWS::EC2::LaunchTemplate AWS::AutoScaling::AutoScalingGroup AWS::ECS::Cluster AWS::ECS::CapacityProvider
    AWS::ECS::ClusterCapacityProviderAssociations AWS::ECS::TaskDefinition AWS::ECR::Repository AWS::ElasticLoadBalancingV2::TargetGroup
    AWS::ElasticLoadBalancingV2::Listener"""
FREE_AT_REST = frozenset(_FREE.split())


@dataclass(frozen=True)
class Line:
    """One line of the bill; `router` marks what router and load balancer add."""

    what: str
    monthly: float
    router: bool = False


def bill(templates: dict[str, dict[str, Any]], parameters: dict[str, str]) -> list[Line]:
    """Every line; ValueError names a resource type that nobody has priced."""
    lines: list[Line] = []
    for name, template in templates.items():
        for logical_id, resource in template["Resources"].items():
            condition = str(resource.get("Condition", ""))
            if condition.startswith("Full") and parameters["ObservabilityLevel"] != "full":
                continue
            lines += _priced(f"{name}: {logical_id}", resource, parameters)
    return lines


def _priced(what: str, resource: dict[str, Any], parameters: dict[str, str]) -> list[Line]:
    kind, properties = resource["Type"], resource.get("Properties") or {}
    if kind.startswith("AWS::CloudWatch::"):
        return [Line(what, _watching(what, kind, properties), router="Router" in str(resource.get("Condition", "")))]
    if kind == "AWS::SecretsManager::Secret":
        return [Line(what, SECRET)]
    if kind == "AWS::Lambda::EventSourceMapping":  # a stream's reads are free
        return [] if "StartingPosition" in properties else [Line(f"{what} (empty receives)", EMPTY_RECEIVES * SQS_REQUEST)]
    if kind == "AWS::EC2::VPCEndpoint" and properties["VpcEndpointType"] == "Gateway":
        return []
    if kind == "AWS::ElasticLoadBalancingV2::LoadBalancer":
        addresses = len(properties["Subnets"]) if parameters["RouterScheme"] == "internet-facing" else 0
        return [Line(what, HOURS * (BALANCER_HOUR + addresses * PUBLIC_ADDRESS_HOUR), router=True)]
    if kind == "AWS::ECS::Service":
        tasks = int(parameters["RouterDesiredCount"])
        reads = tasks * READS_A_ROUTER_SECOND * 3600 * HOURS * READ_UNIT
        return [
            Line(f"{what} ({tasks} tasks)", _tasks(parameters), router=True),
            Line(f"{what} (following routes and tokens)", reads, router=True),
        ]
    if kind == "AWS::Serverless::Function":
        return [
            _sweep(f"{what} ({event['Properties']['ScheduleExpression']})", event["Properties"]["ScheduleExpression"])
            for event in _schedules(properties)
        ]
    if kind not in FREE_AT_REST:
        raise ValueError(f"{what} is a {kind}, which has no price here: add one to scripts/cost_at_rest.py")
    return []


def _watching(what: str, kind: str, properties: dict[str, Any]) -> float:
    if kind == "AWS::CloudWatch::Alarm":
        return ALARM_METRIC * max(1, sum("MetricStat" in metric for metric in properties.get("Metrics", [])))
    if kind not in {"AWS::CloudWatch::CompositeAlarm", "AWS::CloudWatch::Dashboard"}:
        raise ValueError(f"{what} is a {kind}, which has no price here: add one to scripts/cost_at_rest.py")
    return COMPOSITE_ALARM if kind == "AWS::CloudWatch::CompositeAlarm" else DASHBOARD


def _tasks(parameters: dict[str, str]) -> float:
    kind = parameters["Architecture"]
    hourly = (
        int(parameters["RouterCpu"]) / 1024 * FARGATE_CPU_HOUR[kind] + int(parameters["RouterMemoryMiB"]) / 1024 * FARGATE_GB_HOUR[kind]
    )
    return int(parameters["RouterDesiredCount"]) * HOURS * (hourly + PUBLIC_ADDRESS_HOUR)


def _schedules(properties: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for event in (properties.get("Events") or {}).values() if event["Type"] == "ScheduleV2"]


def _sweep(what: str, expression: str) -> Line:
    matched = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if matched is None:
        raise ValueError(f"{what}: {expression} is not a rate")
    runs = HOURS * 60 / (int(matched[1]) * {"minute": 1, "hour": 60, "day": 1440}[matched[2]])
    once = SCHEDULE + LAMBDA_REQUEST + SWEEP_SECONDS * _memory_gb() * LAMBDA_GB_SECOND
    once += READS_A_SWEEP * READ_UNIT + LOG_LINES_A_SWEEP * LOG_LINE_BYTES / 1e9 * LOG_GB
    return Line(what, runs * once)


@cache
def _memory_gb() -> float:
    return float(load()["Globals"]["Function"]["MemorySize"]) / 1024


def everything() -> dict[str, dict[str, Any]]:
    """The templates of an environment, by their paths."""
    return {name: load(ROOT / name) for name in ("template.yaml", "serving_image/stack.yaml", "stacks/observability.yaml")}


def defaults(templates: dict[str, dict[str, Any]], **changes: str) -> dict[str, str]:
    """The root's parameters: their defaults, but for these."""
    return {name: str(item.get("Default", "")) for name, item in templates["template.yaml"]["Parameters"].items()} | changes


def sums(lines: list[Line]) -> tuple[float, float]:
    """USD a month: the control plane, and all of it."""
    return sum(line.monthly for line in lines if not line.router), sum(line.monthly for line in lines)


def main(arguments: list[str]) -> int:
    """Print the bill; 1 if a goal is missed."""
    templates = everything()
    parameters = defaults(templates, **dict(argument.split("=", 1) for argument in arguments))
    lines = bill(templates, parameters)
    print(f"USD a month at rest, list prices, {PRICED_ON}\n")
    for line in lines:
        print(f"{line.monthly:9.2f}  {line.what}")
    more = GOAL_OF_WATCHING if parameters["ObservabilityLevel"] == "full" else 0.0
    plane, whole = sums(lines)
    print(f"\n{plane:9.2f}  control plane                        goal {GOAL_WITHOUT_ROUTER + more:.2f}")
    print(f"{whole:9.2f}  with {parameters['RouterDesiredCount']} router tasks and the balancer    goal {GOAL_WITH_ROUTER + more:.2f}")
    return 0 if plane <= GOAL_WITHOUT_ROUTER + more and whole <= GOAL_WITH_ROUTER + more else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
