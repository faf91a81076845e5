"""What operators see, as plain data: metrics that our code tells, metrics that AWS tells, alarms and dashboards."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from contracts.catalogue import EVENTS
from router.pulse import NAMESPACE, SERVICE, UNITS
from scripts.event_catalogue import announcers
from scripts.template import ROOT
from tests.architecture.reading import CHILDREN, CONTEXTS, as_list, child, functions, of_type

OBSERVABILITY = child(CHILDREN["Observability"])
ALARMS = of_type("AWS::CloudWatch::Alarm", OBSERVABILITY)
COMPOSITES = of_type("AWS::CloudWatch::CompositeAlarm", OBSERVABILITY)
DASHBOARDS = of_type("AWS::CloudWatch::Dashboard", OBSERVABILITY)
FILTERS = of_type("AWS::Logs::MetricFilter", OBSERVABILITY)


@dataclass(frozen=True, order=True)
class Metric:
    """A metric as CloudWatch tells one from another; a dimension's value is what the template puts there."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @property
    def kind(self) -> tuple[str, str, tuple[str, ...]]:
        """The same without the dimensions' values."""
        return self.namespace, self.name, tuple(sorted(name for name, _ in self.dimensions))


# Dimensions → metrics that AWS tells with exactly these, of those that we look at.
AWS_METRICS: dict[tuple[str, tuple[str, ...]], set[str]] = {
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    ("AWS/SQS", ("QueueName",)): {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html; across functions without a dimension
    ("AWS/Lambda", ("FunctionName",)): {"Invocations", "Errors", "Throttles", "Duration", "IteratorAge", "AsyncEventAge"},
    ("AWS/Lambda", ()): {"Throttles"},
    # https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
    ("AWS/States", ("StateMachineArn",)): {"ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut"},
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
    ("AWS/ApiGateway", ("ApiId",)): {"Count", "4xx", "5xx", "Latency"},
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    ("AWS/ApplicationELB", ("LoadBalancer",)): {
        "RequestCount",
        "HTTPCode_ELB_4XX_Count",
        "HTTPCode_ELB_5XX_Count",
        "HTTPCode_Target_4XX_Count",
        "HTTPCode_Target_5XX_Count",
        "TargetConnectionErrorCount",
    },
    ("AWS/ApplicationELB", ("LoadBalancer", "TargetGroup")): {"HealthyHostCount", "UnHealthyHostCount"},
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
    ("AWS/ECS", ("ClusterName", "ServiceName")): {"CPUUtilization", "MemoryUtilization"},
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html: of rules on a bus of one's own
    ("AWS/Events", ("EventBusName", "RuleName")): {"FailedInvocations", "InvocationsSentToDlq", "InvocationsFailedToBeSentToDlq"},
}


@cache
def emitted() -> frozenset[Metric]:
    """Every metric that functions and routers tell, found in their code, and that log filters make."""
    found = {_own(SERVICE, name) for name in UNITS}
    for context in CONTEXTS:
        found |= {_own(context, name) for path in _modules("layers", context) for name in _told(path)}
    found |= {_own(context, "SweepRepairs") for context in {item.context for item in functions() if item.kind == "schedule"}}
    assert "SweepRepairs" in {name for path in _modules("layers", "kit") for name in _told(path)}
    for context in announcers():  # the stream's door counts each fact by its name
        found |= {_own(context, name) for name, event in EVENTS.items() if event.source == f"slipway.{context}"} - _of_routers()
    for item in FILTERS.values():
        (told,) = item["MetricTransformations"]
        found.add(Metric(_text(told["MetricNamespace"]), told["MetricName"]))
    return frozenset(found)


def _of_routers() -> set[Metric]:
    """Events that routers put on the bus themselves: no stream announces them."""
    roles = of_type("AWS::IAM::Role", child(CHILDREN["DataPlane"]))
    statements = [statement for policy in roles["RouterTaskRole"]["Policies"] for statement in policy["PolicyDocument"]["Statement"]]
    (reports,) = [statement for statement in statements if statement["Action"] == "events:PutEvents"]
    return {_own("routing", name) for name in reports["Condition"]["StringEquals"]["events:detail-type"]}


def _modules(*parts: str) -> Iterator[Path]:
    yield from sorted(ROOT.joinpath(*parts).rglob("*.py"))


def _told(path: Path) -> Iterator[str]:
    """Names that a module gives to `count` and `gauge`."""
    text = path.read_text()
    if "kit.observability import" not in text:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"count", "gauge"}:
            if isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)
            else:
                assert path.stem == "door" or "door" in path.parts, f"{path} tells a metric whose name cannot be read"


def _own(service: str, name: str) -> Metric:
    return Metric(NAMESPACE, name, (("environment", "${Environment}"), ("service", service)))


def _text(value: Any) -> str:
    """A property's text: what `!Ref X` and `!Sub` stand for is written `${X}`."""
    if isinstance(value, dict):
        return f"${{{value['Ref']}}}" if "Ref" in value else str(as_list(value["Fn::Sub"])[0])
    return str(value)


def watched(alarm: dict[str, Any]) -> list[Metric]:
    """The metrics that an alarm looks at."""
    parts = [metric["MetricStat"]["Metric"] for metric in alarm.get("Metrics", []) if "MetricStat" in metric] or [alarm]
    return [
        Metric(
            _text(part["Namespace"]),
            part["MetricName"],
            tuple(sorted((item["Name"], _text(item["Value"])) for item in part.get("Dimensions", []))),
        )
        for part in parts
    ]


def body(dashboard: dict[str, Any]) -> dict[str, Any]:
    """A dashboard's body, its references written out as they stand."""
    content: dict[str, Any] = json.loads(_text(dashboard["DashboardBody"]))
    return content


def shown(dashboard: dict[str, Any]) -> Iterator[Metric]:
    """The metrics that a dashboard shows."""
    for widget in body(dashboard)["widgets"]:
        for entry in widget["properties"].get("metrics", []):
            if isinstance(entry[0], dict):
                yield searched(entry[0]["expression"])
            else:
                plain = [part for part in entry if isinstance(part, str)]
                yield Metric(plain[0], plain[1], tuple(sorted(zip(plain[2::2], plain[3::2], strict=True))))


def searched(expression: str) -> Metric:
    """The metrics that a SEARCH finds, as one."""
    found = re.fullmatch(r"SEARCH\('\{([^}]+)\} (.*)', '\w+', \d+\)", expression)
    assert found, expression
    namespace, *names = found[1].split(",")
    wanted = dict(re.findall(r'(\w+)="([^"]*)"', found[2]))
    return Metric(namespace, wanted.pop("MetricName"), tuple(sorted((name, wanted.get(name, "*")) for name in names)))
