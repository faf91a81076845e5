"""AWS: a Python error reaches the caller as its class name, message and stack trace, and the execution environment lives on."""

import json

from tests.emulator.conformance.cloud import Cloud, eventually

CODE = """
calls = 0
class Flaky(Exception): pass
def handler(event, context):
    global calls
    calls += 1
    if event.get("fail"):
        raise Flaky("not now")
    return calls
"""


def test_an_error_carries_its_class_and_trace(cloud: Cloud) -> None:
    """On AWS `errorType` is the exception's class and `stackTrace` its frames."""
    answer = cloud.invoke(cloud.function(CODE), {"fail": True})
    assert answer["error"]
    assert answer["body"]["errorType"] == "Flaky"
    assert answer["body"]["errorMessage"] == "not now"
    assert any("raise Flaky" in frame for frame in answer["body"]["stackTrace"])


def test_an_error_does_not_end_the_environment(cloud: Cloud) -> None:
    """On AWS module state survives an exception that a handler raises."""
    function = cloud.function(CODE)
    cloud.invoke(function, {"fail": True})
    assert cloud.invoke(function) == {"error": False, "body": 2}


def test_a_state_machine_retries_on_the_class(cloud: Cloud) -> None:
    """On AWS `ErrorEquals` matches the class name of a function's exception."""
    code = CODE.replace('event.get("fail")', "calls < 2")
    retry = [{"ErrorEquals": ["Flaky"], "IntervalSeconds": 1, "MaxAttempts": 2}]
    definition = {"StartAt": "Do", "States": {"Do": {"Type": "Task", "Resource": cloud.function(code), "Retry": retry, "End": True}}}
    states = cloud.client("stepfunctions")
    role = cloud.role("states.amazonaws.com", [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}])
    machine = states.create_state_machine(name=cloud.name(), definition=json.dumps(definition), roleArn=role)
    execution = states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    ended = eventually(lambda: states.describe_execution(executionArn=execution), lambda found: found["status"] != "RUNNING")
    assert (ended["status"], ended["output"]) == ("SUCCEEDED", "2")


def test_an_environment_that_dies_has_an_error_of_its_own(cloud: Cloud) -> None:
    """On AWS a killed runtime is a Runtime.ExitError, which is nobody's exception and worth another try."""
    function = cloud.function("import os, signal\ndef handler(event, context):\n    os.kill(os.getpid(), signal.SIGKILL)\n")
    answer = cloud.invoke(function)
    assert (answer["error"], answer["body"]["errorType"]) == (True, "Runtime.ExitError")
