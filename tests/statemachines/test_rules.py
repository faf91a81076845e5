"""House rules for every state machine."""

import inspect
from pathlib import Path
from typing import Any

import pytest

from kit import errors
from tests.fabric.asl import load

_MACHINES = sorted(Path("statemachines").glob("*/*.asl.yaml"))
_SERVICE = {
    "States.ALL",
    "States.Timeout",
    "States.HeartbeatTimeout",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
}
_OURS = {name for name, found in vars(errors).items() if inspect.isclass(found) and issubclass(found, errors.SlipwayError)}


@pytest.fixture(params=_MACHINES, ids=lambda path: path.stem)
def machine(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each machine in turn."""
    return load(request.param)


def _tasks(machine: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: state for name, state in machine["States"].items() if state["Type"] == "Task"}


def test_there_are_machines() -> None:
    """The rules below are about something."""
    assert {path.name for path in _MACHINES} >= {"provision_model.asl.yaml", "retire_model.asl.yaml"}


def test_a_machine_is_small_and_says_what_it_is_for(machine: dict[str, Any]) -> None:
    """At most ten states, one sentence at the top."""
    assert len(machine["States"]) <= 10
    assert machine["Comment"].endswith(".")


def test_nothing_waits_for_ever(machine: dict[str, Any]) -> None:
    """Every task has a time-out, every wait for a token a shorter heartbeat; there is no Wait state, so no polling."""
    for name, state in _tasks(machine).items():
        assert state["TimeoutSeconds"] > 0, name
        if state["Resource"].endswith(".waitForTaskToken"):
            assert 0 < state["HeartbeatSeconds"] < state["TimeoutSeconds"], name
    assert not [name for name, state in machine["States"].items() if state["Type"] == "Wait"]


def test_a_step_that_dies_is_run_again(machine: dict[str, Any]) -> None:
    """A function that runs out of time or memory is not the model's fault, and every step may be repeated."""
    for name, state in _tasks(machine).items():
        retried = {error for retrier in state["Retry"] for error in retrier["ErrorEquals"]}
        assert retried >= {"Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError"}, name


def test_all_steps_retry_alike(machine: dict[str, Any]) -> None:
    """One shape."""
    shapes = [state["Retry"] for state in _tasks(machine).values()]
    assert all(shape == shapes[0] for shape in shapes)


def test_every_error_that_is_named_exists(machine: dict[str, Any]) -> None:
    """Classes of `kit.errors` and transients of the services, nothing else."""
    for state in _tasks(machine).values():
        for rule in (*state["Retry"], *state.get("Catch", ())):
            assert set(rule["ErrorEquals"]) <= _OURS | _SERVICE


def test_every_step_but_the_last_resort_is_caught(machine: dict[str, Any]) -> None:
    """What fails leads to where failures end, with its cause."""
    last_resort = "RollBackUpdate" if "RollBackUpdate" in machine["States"] else "FailModel"
    for name, state in _tasks(machine).items():
        if name == last_resort:
            continue
        caught = {rule["Next"] for rule in state["Catch"] if rule["ErrorEquals"] == ["States.ALL"] and rule["ResultPath"] == "$.error"}
        # Where newer copies have taken over there is nothing to go back to: old ones that do not end are removed in settling.
        assert caught == {"SettleModel" if name == "RetireEngines" else last_resort}, name


def test_choices_read_decisions_only(machine: dict[str, Any]) -> None:
    """An enum that a function returned."""
    for state in machine["States"].values():
        for rule in state.get("Choices", ()):
            assert rule["Variable"].endswith(".decision")
            assert "StringEquals" in rule
