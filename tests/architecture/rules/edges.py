"""Every asynchronous edge of the platform, enumerated from what CloudFormation gets, with where it ends and who is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scripts.template import ROOT, target_of
from tests.architecture.reading import as_list, walk
from tests.architecture.rules.platform import JSON, Platform

MOST_TRIES = 8
LONGEST_SECONDS = 3600
VISIBLE, OLDEST, FAILED = "ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage", "ExecutionsFailed"
# What works without somebody waiting for its answer, by CloudFormation's names; all others here have no edge.
KNOWN = {
    "AWS::Events::Rule",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Scheduler::Schedule",
    "AWS::StepFunctions::StateMachine",
}
UNKNOWN = {
    "AWS::Pipes::Pipe",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::Logs::SubscriptionFilter",
    "AWS::Events::Endpoint",
    "AWS::Events::Connection",
    "AWS::Kinesis::Stream",
    "AWS::KinesisFirehose::DeliveryStream",
    "AWS::DynamoDB::GlobalTable",
    "AWS::IoT::TopicRule",
    "AWS::S3::BucketNotification",
}


@dataclass(frozen=True)
class Edge:
    """One way that work goes on by itself: how often it is tried (None: for ever), where it is left, which metric of what tells."""

    kind: str
    name: str
    tries: int | None
    seconds: int | None
    dead_letters: str | None
    watched: str | None
    metric: str = VISIBLE


def edges(platform: Platform) -> list[Edge]:
    """All of them."""
    kinds = (_rules, _mappings, _schedules, _invocations, _machines, _made_by_code)
    return [edge for kind in kinds for edge in kind(platform)]


def _left(config: JSON | None) -> str | None:
    return target_of((config or {}).get("Arn"))


def _number(content: JSON, key: str) -> int | None:
    value = content.get(key)
    return value if isinstance(value, int) and value >= 0 else None


def _bounded(kind: str, name: str, retry: JSON, dead_letters: str | None) -> Edge:
    tries, seconds = _number(retry, "MaximumRetryAttempts"), _number(retry, "MaximumEventAgeInSeconds")
    return Edge(kind, name, tries, seconds, dead_letters, dead_letters)


def _rules(platform: Platform) -> Iterator[Edge]:
    for name, rule in platform.resources("AWS::Events::Rule"):
        for target in rule["Targets"]:
            yield _bounded("rule", f"{name}:{target['Id']}", target.get("RetryPolicy", {}), _left(target.get("DeadLetterConfig")))


def _mappings(platform: Platform) -> Iterator[Edge]:
    for name, mapping in platform.resources("AWS::Lambda::EventSourceMapping"):
        if "StartingPosition" in mapping:
            failed = target_of(mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))
            tries, seconds = _number(mapping, "MaximumRetryAttempts"), _number(mapping, "MaximumRecordAgeInSeconds")
            yield Edge("stream", name, tries, seconds, failed, failed)
        else:
            queue = platform.properties(target_of(mapping["EventSourceArn"]))
            redrive = queue.get("RedrivePolicy", {})
            left = target_of(redrive.get("deadLetterTargetArn"))
            # A queue forgets by itself: four days here, so its age in a message's life needs no bound of its own.
            yield Edge("queue", name, _number(redrive, "maxReceiveCount"), 0, left, left)
            yield Edge("waiting", name, 0, 0, left, target_of(mapping["EventSourceArn"]), OLDEST)


def _schedules(platform: Platform) -> Iterator[Edge]:
    for name, schedule in platform.resources("AWS::Scheduler::Schedule"):
        target = schedule["Target"]
        yield _bounded("schedule", name, target.get("RetryPolicy", {}), _left(target.get("DeadLetterConfig")))


def invoked(platform: Platform) -> set[str]:
    """Functions that something invokes without waiting: rules, schedules, and the schedules that code makes."""
    targets = {target_of(target["Arn"]) for _, rule in platform.resources("AWS::Events::Rule") for target in rule["Targets"]}
    targets |= {target_of(item["Target"]["Arn"]) for _, item in platform.resources("AWS::Scheduler::Schedule")}
    targets |= {target_of(item["ALARM_FUNCTION_ARN"]) for _, item in environments(platform) if "ALARM_FUNCTION_ARN" in item}
    return {target for target in targets if target and platform.kind(target) == "AWS::Lambda::Function"}


def _invocations(platform: Platform) -> Iterator[Edge]:
    configured = {target_of(item["FunctionName"]): item for _, item in platform.resources("AWS::Lambda::EventInvokeConfig")}
    for name in sorted(invoked(platform)):
        config = configured.get(name, {})
        failed = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        yield _bounded("invocation", name, config, target_of(failed))


def _machines(platform: Platform) -> Iterator[Edge]:
    """A machine tries its tasks again itself; what it gives up, a state of its own writes down, and what fails even so is an alarm."""
    for name, definition in platform.machines.items():
        retries = [retry.get("MaxAttempts", 3) for state in definition["States"].values() for retry in state.get("Retry", [])]
        last = [
            catch["Next"]
            for item in definition["States"].values()
            for catch in item.get("Catch", [])
            if catch["ErrorEquals"] == ["States.ALL"]
        ]
        yield Edge("machine", name, max(retries, default=0), 0, last[0] if last else None, name, FAILED)


def environments(platform: Platform) -> Iterator[tuple[str, JSON]]:
    """Function and its variables."""
    for name, function in platform.resources("AWS::Lambda::Function"):
        yield name, function.get("Environment", {}).get("Variables", {})


def _made_by_code(platform: Platform) -> Iterator[Edge]:
    """Functions that may make schedules: with the one retry policy of the adapter, and dead letters by a variable."""
    policy = _policy_in_code()
    for name, variables in environments(platform):
        role = platform.properties(target_of(platform.properties(name)["Role"]))
        granted = {
            action for item in walk(role.get("Policies", [])) if isinstance(item, dict) for action in as_list(item.get("Action", []))
        }
        if "scheduler:CreateSchedule" in granted:
            yield _bounded("schedule made by code", name, policy, target_of(variables.get("DEAD_LETTERS_ARN")))


def _policy_in_code() -> JSON:
    import ast

    module = ast.parse((ROOT / "layers/serving/serving/adapters/scheduler.py").read_text())
    for node in ast.walk(module):
        if isinstance(node, ast.Dict) and any(isinstance(key, ast.Constant) and key.value == "MaximumRetryAttempts" for key in node.keys):
            policy: Any = ast.literal_eval(node)
            return dict(policy)
    return {}
