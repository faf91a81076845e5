"""AWS: an execution environment writes into one log stream. Here lines are kept by number, where AWS keeps them by time."""

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
        cloud.invoke(function, {"lines": 6000, "call": call})
    logs, group = cloud.client("logs"), f"/aws/lambda/{function.rsplit(':', 1)[-1]}"

    def lines() -> list[str]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"].strip() for page in pages for event in page["events"] if event["message"].startswith("line")]

    kept = eventually(lines, lambda found: "line 2 5999" in found)
    assert len(logs.describe_log_streams(logGroupName=group)["logStreams"]) == 1
    assert kept[-1] == "line 2 5999"
    assert kept == [f"line 2 {number}" for number in range(6000)][-len(kept) :]
    assert 4000 < len(kept) < 6000
