"""The interpreter itself: what AWS documents of the states that our machines do not use yet, and of its own strictness."""

from typing import Any

import pytest

from tests.fabric.asl import StateMachines, TokenGone, check


def _run(definition: dict[str, Any], data: Any, seconds: float = 0) -> Any:
    check(definition)
    machines = StateMachines({"m": definition}, lambda function, payload: {"function": function, "got": payload})
    execution = machines.start("m", "e", data)
    machines.advance(seconds)
    return execution


def test_pass_choice_and_succeed() -> None:
    """A Pass places its result, a Choice takes the first rule that holds, numbers and presence included."""
    rules = [
        {"And": [{"Variable": "$.n", "NumericEquals": 2}, {"Variable": "$.missing", "IsPresent": False}], "Next": "Yes"},
        {"Not": {"Variable": "$.flag", "BooleanEquals": False}, "Next": "No"},
    ]
    states = {
        "P": {"Type": "Pass", "Result": 2, "ResultPath": "$.n", "Next": "C"},
        "C": {"Type": "Choice", "Choices": rules, "Default": "No"},
        "Yes": {"Type": "Succeed"},
        "No": {"Type": "Fail", "Error": "Nope"},
    }
    execution = _run({"StartAt": "P", "States": states}, {"flag": True})
    assert (execution.trail, execution.status, execution.output) == (["P", "C", "Yes"], "SUCCEEDED", {"flag": True, "n": 2})


def test_wait_passes_in_virtual_time() -> None:
    """Not a second before."""
    states = {"W": {"Type": "Wait", "SecondsPath": "$.s", "Next": "E"}, "E": {"Type": "Succeed"}}
    assert _run({"StartAt": "W", "States": states}, {"s": 60}, 59).status == "RUNNING"
    assert _run({"StartAt": "W", "States": states}, {"s": 60}, 60).status == "SUCCEEDED"


def test_results_are_selected_and_placed() -> None:
    """Parameters, ResultSelector, ResultPath and OutputPath, in this order."""
    task = {
        "Type": "Task",
        "Resource": "f",
        "Parameters": {"x.$": "$.a.b", "fixed": [1]},
        "ResultSelector": {"kept.$": "$.got.x"},
        "ResultPath": "$.r.s",
        "OutputPath": "$.r",
        "TimeoutSeconds": 1,
        "End": True,
    }
    assert _run({"StartAt": "T", "States": {"T": task}}, {"a": {"b": 7}}).output == {"s": {"kept": 7}}


def test_a_missing_path_is_an_error_of_its_own() -> None:
    """As States.ParameterPathFailure, which ends the execution where nothing catches it."""
    task = {"Type": "Task", "Resource": "f", "Parameters": {"x.$": "$.missing"}, "End": True}
    execution = _run({"StartAt": "T", "States": {"T": task}}, {})
    assert (execution.status, execution.error) == ("FAILED", "States.ParameterPathFailure")


def test_no_rule_and_no_default_is_an_error() -> None:
    """States.NoChoiceMatched."""
    states = {"C": {"Type": "Choice", "Choices": [{"Variable": "$.d", "StringEquals": "x", "Next": "E"}]}, "E": {"Type": "Succeed"}}
    assert _run({"StartAt": "C", "States": states}, {"d": "y"}).error == "States.NoChoiceMatched"


def test_a_token_is_answered_once() -> None:
    """The second answer, and one to a token that nobody has, are refused."""
    resource = "arn:aws:states:::lambda:invoke.waitForTaskToken"
    order = {"FunctionName": "f", "Payload": {"task_token.$": "$$.Task.Token"}}
    states = {"T": {"Type": "Task", "Resource": resource, "Parameters": order, "TimeoutSeconds": 10, "End": True}}
    tokens = []
    machines = StateMachines({"m": {"StartAt": "T", "States": states}}, lambda _, payload: tokens.append(payload["task_token"]))
    machines.start("m", "e", {})
    machines.advance(0)
    machines.succeed(tokens[0], {"x": 1})
    with pytest.raises(TokenGone):
        machines.succeed(tokens[0], {"x": 2})
    with pytest.raises(TokenGone):
        machines.beat("nobody")


@pytest.mark.parametrize(
    "states",
    [{"A": {"Type": "Pass", "Next": "B"}}, {"A": {"Type": "Pass", "Iterator": {}, "End": True}}, {"B": {"Type": "Succeed"}}],
)
def test_what_cannot_be_interpreted_is_refused(states: dict[str, Any]) -> None:
    """A dangling Next, an unknown field, a start that is not there."""
    with pytest.raises(ValueError, match=r"there is no state|is not interpreted"):
        check({"StartAt": "A", "States": states})
