"""Every function is traced, and what its handler writes leaves for the X-Ray daemon under the invocation's own trace."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.platform import Platform, Started, eventually

MODEL = "traced"
# What works under the operation's own correlation id while a hosted model comes and goes; the rest is called by people, time or tables.
OF_THE_CREATION = {
    "ServingOnModelRequestedFunction",
    "RegistryOnModelRequestedFunction",
    "ServingPrepareModelFunction",
    "ServingAwaitValidationFunction",
    "ServingOnModelVersionValidatedFunction",
    "ServingLaunchEngineFunction",
    "RoutingOnCapacityChangedFunction",
    "ServingOnRouteChangedFunction",
    "ServingSettleModelFunction",
}


@pytest.fixture(scope="module")
def creation(started: Started) -> Iterator[str]:
    """The operation that brought a model into service."""
    platform = started.platform
    operation = platform.settled(platform.call("POST", "/models", platform.parrot(MODEL)))
    assert operation["status"] == "Succeeded", operation
    yield str(operation["operation_id"])
    platform.settled(platform.call("DELETE", f"/models/{MODEL}"))


def functions(platform: Platform) -> dict[str, str]:
    """The logical id of every function of the stack, by its name."""
    pages = platform.aws("cloudformation").get_paginator("list_stack_resources").paginate(StackName=platform.values["STACK_NAME"])
    resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
    return {each["PhysicalResourceId"]: each["LogicalResourceId"] for each in resources if each["ResourceType"] == "AWS::Lambda::Function"}


def documents(platform: Platform) -> list[dict[str, Any]]:
    """What has come to the daemon's address so far, whole lines only."""
    text = (platform.home / "logs" / "traces.jsonl").read_text()
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def called(platform: Platform) -> dict[tuple[str, str], str]:
    """Which function each of Lambda's own segments is of, by trace and segment."""
    names = functions(platform)
    own = [document for document in documents(platform) if document.get("origin") == "AWS::Lambda::Function"]
    return {(each["trace_id"], each["id"]): names[each["name"]] for each in own if each["name"] in names}


def handled(platform: Platform) -> list[tuple[str, dict[str, Any]]]:
    """The function and the subsegment of each handler's call: its parent is the segment that Lambda wrote, of the same trace."""
    below, segments = [document for document in documents(platform) if document["name"].startswith("## ")], called(platform)
    return [(segments[each["trace_id"], each["parent_id"]], each) for each in below]


def test_every_function_is_traced(platform: Platform) -> None:
    """Active tracing, on each function of the stack."""
    pages, ours = platform.aws("lambda").get_paginator("list_functions").paginate(), functions(platform)
    modes = {ours.get(each["FunctionName"]): each["TracingConfig"]["Mode"] for page in pages for each in page["Functions"]}
    assert set(modes) >= set(ours.values()) > OF_THE_CREATION
    assert set(modes.values()) == {"Active"}, modes


def test_every_call_of_a_function_has_its_handlers_part(platform: Platform, creation: str) -> None:
    """No function that was called is without: one whose handler writes nothing would be missing here."""
    assert creation

    def silent() -> set[str]:
        return set(called(platform).values()) - {function for function, _ in handled(platform)}

    assert set(called(platform).values()) > OF_THE_CREATION
    eventually(lambda: not silent(), "each function that was called has written", seconds=30)


def test_an_operation_is_found_by_its_correlation_id(platform: Platform, creation: str) -> None:
    """Each function that worked for the creation says so in its trace, and names its context as the service."""

    def parts() -> list[tuple[str, dict[str, Any]]]:
        return [(name, each) for name, each in handled(platform) if each.get("annotations", {}).get("correlation_id") == creation]

    eventually(lambda: {name for name, _ in parts()} >= OF_THE_CREATION, "all of the creation's functions are found", seconds=30)
    for name, part in parts():
        assert name.lower().startswith(part["annotations"]["Service"]), name
        assert "error" not in part, part


def test_calls_of_aws_are_part_of_the_trace(platform: Platform, creation: str) -> None:
    """Below a handler's part lie the calls that it made: the table's write, the machine's start."""

    def calls() -> set[tuple[str, str]]:
        mine = {each["id"]: name for name, each in handled(platform) if each.get("annotations", {}).get("correlation_id") == creation}
        return {(mine[each["parent_id"]], each["aws"]["operation"]) for each in documents(platform) if each.get("parent_id") in mine}

    wanted = {("ServingOnModelRequestedFunction", "StartExecution"), ("ServingSettleModelFunction", "TransactWriteItems")}
    eventually(lambda: calls() >= wanted, "calls of AWS below the handlers' parts", seconds=30)


def test_log_lines_name_the_trace(platform: Platform, creation: str) -> None:
    """Who reads a log line finds its trace: the id in it is one that was sent."""
    assert creation
    sent = {document["trace_id"] for document in documents(platform)}
    named = set()
    logs = platform.aws("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        for event in logs.filter_log_events(logGroupName=group["logGroupName"], filterPattern="xray_trace_id").get("events", []):
            named |= {json.loads(event["message"])["xray_trace_id"]} if event["message"].startswith('{"level"') else set()
    assert named & sent
