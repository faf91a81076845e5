"""AWS: what a function prints is in its log group, whether it prints or not; a silent function is not slowed down."""

from tests.emulator.conformance.cloud import Cloud, eventually


def test_output_reaches_the_log_group(cloud: Cloud) -> None:
    """On AWS every printed line is an event of `/aws/lambda/<name>`."""
    function = cloud.function("def handler(event, context):\n    print('a line to find')\n")
    cloud.invoke(function)
    logs, group = cloud.client("logs"), f"/aws/lambda/{function.rsplit(':', 1)[-1]}"
    messages = eventually(
        lambda: [event["message"].strip() for event in logs.filter_log_events(logGroupName=group)["events"]],
        lambda found: "a line to find" in found,
    )
    assert "a line to find" in messages
