"""AWS: an execution environment writes into one log stream. Here lines are kept by number, where AWS keeps them by time."""

import time

import pytest
from botocore.exceptions import ClientError

from tests.emulator.conformance.cloud import Cloud, eventually

TALKS = """
def handler(event, context):
    for number in range(event["lines"]):
        print("line", event["call"], number)
"""


def test_a_function_has_one_stream_that_keeps_the_last_lines(cloud: Cloud) -> None:
    """Calls one after the other are read in their order, the last of them whole, and not all that was ever printed."""
    function = cloud.function(TALKS)
    for call in range(3):
        cloud.invoke(function, {"lines": 600, "call": call})
    logs, group = cloud.client("logs"), f"/aws/lambda/{function.rsplit(':', 1)[-1]}"

    def lines() -> list[str]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"].strip() for page in pages for event in page["events"] if event["message"].startswith("line")]

    kept = eventually(lines, lambda found: "line 2 599" in found)
    assert len(logs.describe_log_streams(logGroupName=group)["logStreams"]) == 1
    assert kept[-1] == "line 2 599"
    assert kept == [f"line 2 {number}" for number in range(600)][-len(kept) :]
    assert 400 < len(kept) < 600


def test_a_line_that_is_not_kept_has_no_pointer_either(cloud: Cloud) -> None:
    """A pointer leads to a line that its stream holds, and after it was cut to nothing."""
    logs, group = cloud.client("logs"), cloud.name("group")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")

    def put(count: int, text: str) -> str:
        lines = [{"timestamp": int(time.time() * 1000), "message": f"{text} {number}"} for number in range(count)]
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=lines)
        found = logs.filter_log_events(logGroupName=group, filterPattern=f'"{text} {count - 1}"')["events"]
        return str(found[-1]["eventId"])

    first = put(1, "first")
    assert logs.get_log_record(logRecordPointer=first)["logRecord"]["@message"] == "first 0"
    last = put(1500, "later")
    assert logs.get_log_record(logRecordPointer=last)["logRecord"]["@message"] == "later 1499"
    with pytest.raises(ClientError, match="InvalidParameterException"):
        logs.get_log_record(logRecordPointer=first)
