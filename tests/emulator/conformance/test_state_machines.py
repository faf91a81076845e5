"""AWS: a wait for a task token ends in States.HeartbeatTimeout when no heartbeat comes, in the function's error when the function that
should start the work fails, and each attempt waits for a token of its own.
"""

import json
import time
from typing import Any

import pytest

from tests.emulator.conformance.cloud import Cloud, eventually

SEND = [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]


def start(cloud: Cloud, **state: Any) -> tuple[Any, str, str]:
    """Start a machine that sends its token to a queue and waits; the client, the execution and the queue."""
    states = cloud.client("stepfunctions")
    url, _ = cloud.queue()
    parameters = {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}}
    wait = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": parameters, "End": True, **state}
    machine = states.create_state_machine(
        name=cloud.name(),
        definition=json.dumps({"StartAt": "Wait", "States": {"Wait": wait}}),
        roleArn=cloud.role("states.amazonaws.com", SEND),
    )
    return states, states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"], url


def token(cloud: Cloud, url: str) -> str:
    """The token that the machine sent."""
    found: str = json.loads(cloud.received(url)[0]["Body"])["token"]
    return found


def ended(states: Any, execution: str) -> dict[str, Any]:
    """The execution once it is over."""
    return eventually(lambda: states.describe_execution(executionArn=execution), lambda found: found["status"] != "RUNNING")


def test_silence_ends_the_wait(cloud: Cloud) -> None:
    """On AWS HeartbeatSeconds without a heartbeat fails the state with States.HeartbeatTimeout."""
    states, execution, _ = start(cloud, HeartbeatSeconds=1, TimeoutSeconds=60)
    assert ended(states, execution)["error"] == "States.HeartbeatTimeout"


def test_heartbeats_keep_the_wait_alive(cloud: Cloud) -> None:
    """On AWS each heartbeat starts the silence anew; success then ends the state."""
    states, execution, url = start(cloud, HeartbeatSeconds=2)
    mine = token(cloud, url)
    first = states.describe_execution(executionArn=execution)["startDate"].timestamp()

    def beat() -> float:
        states.send_task_heartbeat(taskToken=mine)
        return float(states.get_execution_history(executionArn=execution)["ResponseMetadata"]["RetryAttempts"])

    eventually(beat, lambda _: time.time() - first > 4)
    states.send_task_success(taskToken=mine, output='"done"')
    assert ended(states, execution)["output"] == '"done"'


def test_each_attempt_has_its_own_token(cloud: Cloud) -> None:
    """On AWS a retried wait sends a new token, and the old one is dead."""
    retry = [{"ErrorEquals": ["Again"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    states, execution, url = start(cloud, Retry=retry)
    first = token(cloud, url)
    states.send_task_failure(taskToken=first, error="Again")
    second = token(cloud, url)
    assert first != second
    with pytest.raises(states.exceptions.TaskDoesNotExist):
        states.send_task_success(taskToken=first, output="1")
    states.send_task_success(taskToken=second, output="2")
    assert ended(states, execution)["output"] == "2"


def test_a_function_that_fails_to_begin_fails_the_state(cloud: Cloud) -> None:
    """On AWS the error of the invocation is the error of the state, whatever the token."""
    states = cloud.client("stepfunctions")
    function = cloud.function("class Refused(Exception): pass\ndef handler(event, context):\n    raise Refused('no')\n")
    wait = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": function, "Payload": {"token.$": "$$.Task.Token"}},
        "End": True,
    }
    machine = states.create_state_machine(
        name=cloud.name(),
        definition=json.dumps({"StartAt": "Wait", "States": {"Wait": wait}}),
        roleArn=cloud.role("states.amazonaws.com", [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function}]),
    )
    execution = states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    assert ended(states, execution)["error"] == "Refused"


def test_stopping_an_execution_ends_its_wait(cloud: Cloud) -> None:
    """On AWS the token of an aborted execution is of no use any more."""
    states, execution, url = start(cloud)
    mine = token(cloud, url)
    states.stop_execution(executionArn=execution)
    assert ended(states, execution)["status"] == "ABORTED"

    def answer() -> str:
        try:
            states.send_task_success(taskToken=mine, output="1")
        except states.exceptions.TaskDoesNotExist:
            return "gone"
        return "taken"

    assert eventually(answer, lambda found: found == "gone") == "gone"
