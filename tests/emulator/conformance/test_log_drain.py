"""AWS: what a function prints is in its log group, whether it prints or not, however much, and whether it answers or fails."""

import pytest

from tests.emulator.conformance.cloud import Cloud, eventually

LAST = "the last line"
WAYS = {
    "a line": f"print({LAST!r})",
    "much": f"print('x' * 200_000); print({LAST!r})",
    "in pieces": f"print('first'); import time; time.sleep(0.1); print({LAST!r})",
    "failing": f"print({LAST!r}); raise ValueError('no')",
    "by its end": f"import os; print({LAST!r}, flush=True); os._exit(1)",
}


@pytest.mark.parametrize("way", WAYS)
def test_output_reaches_the_log_group(cloud: Cloud, way: str) -> None:
    """On AWS every printed line is an event of `/aws/lambda/<name>`; nobody has to call the function again for that."""
    function = cloud.function(f"def handler(event, context):\n    {WAYS[way]}\n")
    cloud.invoke(function)
    logs, group = cloud.client("logs"), f"/aws/lambda/{function.rsplit(':', 1)[-1]}"
    messages = eventually(
        lambda: [event["message"].strip() for event in logs.filter_log_events(logGroupName=group)["events"]],
        lambda found: LAST in found,
    )
    assert messages.count(LAST) == 1
    assert not [message for message in messages if "end of output" in message]
