"""AWS: what a rule cannot deliver goes to the target's dead-letter queue with the reason; a queue must allow EventBridge; functions are
invoked asynchronously, with two retries and a failure destination.
"""

import json
import urllib.request
from typing import Any

from tests.emulator.conformance.cloud import Cloud


def rule(cloud: Cloud, target: dict[str, Any]) -> tuple[str, Any]:
    """Create a rule with one target; its source, and a function that puts an event."""
    events, name = cloud.client("events"), cloud.name("rule")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "t", **target}])
    return name, lambda: events.put_events(Entries=[{"Source": name, "DetailType": "Happened", "Detail": '{"n": 1}'}])


def attributes(message: dict[str, Any]) -> dict[str, str]:
    """A message's attributes as plain strings."""
    return {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}


def test_a_queue_that_allows_events_receives_them(cloud: Cloud) -> None:
    """On AWS the queue's policy names events.amazonaws.com."""
    url, arn = cloud.queue()
    _, put = rule(cloud, {"Arn": arn})
    put()
    assert json.loads(cloud.received(url)[0]["Body"])["detail"] == {"n": 1}


def test_a_queue_without_a_policy_receives_nothing(cloud: Cloud) -> None:
    """On AWS delivery fails with NO_PERMISSIONS and goes to the dead-letter queue at once."""
    _, closed = cloud.queue(open_to_events=False)
    dead, dead_arn = cloud.queue()
    _, put = rule(cloud, {"Arn": closed, "DeadLetterConfig": {"Arn": dead_arn}})
    put()
    message = cloud.received(dead)[0]
    assert attributes(message)["ERROR_CODE"] == "NO_PERMISSIONS"
    assert attributes(message)["TARGET_ARN"] == closed
    assert json.loads(message["Body"])["detail"] == {"n": 1}


def test_a_target_that_is_gone_is_not_retried(cloud: Cloud) -> None:
    """On AWS a missing target is no reason to try again."""
    dead, dead_arn = cloud.queue()
    _, put = rule(cloud, {"Arn": dead_arn + "-gone", "DeadLetterConfig": {"Arn": dead_arn}})
    put()
    found = attributes(cloud.received(dead)[0])
    assert (found["ERROR_CODE"], found["RETRY_ATTEMPTS"]) == ("NO_RESOURCE", "0")


def faults(cloud: Cloud, rules: list[dict[str, Any]]) -> dict[str, Any]:
    """Replace the emulator's fault rules; what it answers."""
    request = urllib.request.Request(f"{cloud.settings.endpoint}/_slipway/faults", data=json.dumps(rules).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def test_delivery_is_retried_a_finite_number_of_times(cloud: Cloud) -> None:
    """On AWS a target that fails is tried MaximumRetryAttempts times more, then the event is dead."""
    url, arn = cloud.queue()
    dead, dead_arn = cloud.queue()
    _, put = rule(cloud, {"Arn": arn, "DeadLetterConfig": {"Arn": dead_arn}, "RetryPolicy": {"MaximumRetryAttempts": 2}})
    faults(cloud, [{"action": "target", "caller": arn, "code": "ThrottlingException", "times": 2}])
    put()
    assert len(cloud.received(url)) == 1
    faults(cloud, [{"action": "target", "caller": arn, "code": "ThrottlingException"}])
    put()
    found = attributes(cloud.received(dead)[0])
    assert (found["ERROR_CODE"], found["RETRY_ATTEMPTS"]) == ("ThrottlingException", "2")
    faults(cloud, [])


def test_a_failing_function_is_tried_again_and_then_reported(cloud: Cloud) -> None:
    """On AWS an asynchronous invocation that fails goes to the function's on-failure destination after its retries."""
    failed, failed_arn = cloud.queue()
    leave = [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": failed_arn}]
    function = cloud.function("def handler(event, context):\n    raise ValueError('no')\n", statements=leave)
    cloud.client("lambda").put_function_event_invoke_config(
        FunctionName=function, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": failed_arn}}
    )
    _, put = rule(cloud, {"Arn": function})
    put()
    assert len(cloud.received(failed)) == 1
