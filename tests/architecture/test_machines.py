"""Machines order, functions decide, tables remember, the bus tells. That nothing waits for ever: tests/architecture/rules/running.py."""

import inspect
import re
from typing import Any

import pytest

import kit.errors
from scripts.template import ROOT
from tests.architecture.reading import machine, machines, of_type

STATES = 10
# Names that AWS gives to errors; everything else must be one of ours.
AWS_ERRORS = {
    "States.ALL",
    "States.Timeout",
    "States.HeartbeatTimeout",
    "States.TaskFailed",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
}
OURS = {name for name, item in inspect.getmembers(kit.errors, inspect.isclass) if issubclass(item, kit.errors.SlipwayError)}
DEFINITIONS = {name: machine(properties["DefinitionUri"]) for name, properties in machines().items()}
CASES = [(name, state) for name, definition in DEFINITIONS.items() for state in definition["States"]]

each_machine = pytest.mark.parametrize("name", sorted(DEFINITIONS))
each_state = pytest.mark.parametrize(("name", "state"), CASES)


def _text(name: str) -> str:
    path = ROOT / str(machines()[name]["DefinitionUri"])
    return path.read_text()


def _state(name: str, state: str) -> dict[str, Any]:
    found: dict[str, Any] = DEFINITIONS[name]["States"][state]
    return found


def _next(state: dict[str, Any]) -> set[str]:
    ways = [state, *state.get("Choices", []), *state.get("Catch", [])]
    return {way["Next"] for way in ways if "Next" in way} | ({state["Default"]} if "Default" in state else set())


def test_every_definition_belongs_to_a_machine() -> None:
    """No definition lies about unused, and each is named after its machine."""
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "statemachines").rglob("*.asl.yaml")}
    assert files == {properties["DefinitionUri"] for properties in machines().values()}


@each_machine
def test_substitutions_used_are_given_and_permitted(name: str) -> None:
    """Three lists that are read side by side: what the definition names, what the template substitutes, what the role may call."""
    given = {key: value for key, value in machines()[name]["DefinitionSubstitutions"].items() if key != "Partition"}
    assert set(re.findall(r"\$\{(\w+)\}", _text(name))) - {"Partition"} == set(given)
    for key, value in given.items():
        assert value == {"Fn::GetAtt": [key.removesuffix("Arn"), "Arn"]}
    (policy,) = of_type("AWS::IAM::Role")[f"{name}Role"]["Policies"]
    permitted = next(item["Resource"] for item in policy["PolicyDocument"]["Statement"] if item["Action"] == "lambda:InvokeFunction")
    assert permitted == list(given.values())


@each_machine
def test_a_machine_is_small_and_says_what_it_does(name: str) -> None:
    """At most ten states and one sentence at the top."""
    assert len(DEFINITIONS[name]["States"]) <= STATES
    assert DEFINITIONS[name]["Comment"].endswith(".")


@each_machine
def test_every_state_is_reached_and_every_way_leads_somewhere(name: str) -> None:
    """No state is an island, no `Next` names one that is not there."""
    states = DEFINITIONS[name]["States"]
    reached, left = set[str](), [DEFINITIONS[name]["StartAt"]]
    while left:
        current = left.pop()
        if current not in reached:
            reached.add(current)
            left += _next(states[current])
    assert reached == set(states)


@each_state
def test_a_machine_never_polls(name: str, state: str) -> None:
    """Tasks, decisions and ends; a wait is a token's."""
    assert _state(name, state)["Type"] in {"Task", "Choice", "Succeed", "Fail"}


@each_state
def test_a_choice_compares_a_decision_that_a_function_made(name: str, state: str) -> None:
    """No counting and no string building in a machine."""
    for choice in _state(name, state).get("Choices", []):
        assert set(choice) == {"Variable", "StringEquals", "Next"}
        assert choice["Variable"].endswith(".decision")


@each_state
def test_an_error_that_is_caught_exists(name: str, state: str) -> None:
    """`ErrorEquals` names classes of kit.errors and AWS's own, nothing that nobody raises."""
    rules = [*_state(name, state).get("Retry", []), *_state(name, state).get("Catch", [])]
    assert {error for rule in rules for error in rule["ErrorEquals"]} <= OURS | AWS_ERRORS
