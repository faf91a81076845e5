"""Following an operation to its end."""

import json

import httpx
import pytest

from tests.fakes.management import OPERATION_ID, FakeManagement, Script, accepted, operation
from tests.unit.cli.running import Terminal

PATH = f"GET /operations/{OPERATION_ID}"
FAILURE = {"code": "out-of-memory", "message": "the engine was killed", "hint": "Choose a larger instance type."}


def following(*answers: Script, interrupts_after: int | None = None) -> Terminal:
    """An operation that is read so."""
    return Terminal(FakeManagement({PATH: list(answers)}), interrupts_after=interrupts_after)


def test_phases_and_progress_are_told_once_each() -> None:
    """A line a change where there is no terminal, on standard error; the end on standard output."""
    fetching = [operation("Running", phase="fetching", progress=share) for share in (0.0, 0.01, 0.5, 0.5)]
    ended = following(*fetching, operation("Running", phase="loading"), operation("Succeeded")).run("operations", "wait", OPERATION_ID)
    assert ended.err.splitlines() == [
        "create parrot: fetching 0%", "create parrot: fetching 50%", "create parrot: loading", "create parrot: succeeded",
    ]  # fmt: skip
    assert ended.out.startswith("✓ create parrot succeeded after")
    assert ended.code == 0


def test_asking_becomes_rarer_and_begins_anew_with_every_change() -> None:
    """From 0.4 s to at most 5 s."""
    terminal = following(*[operation("Pending")] * 9, operation("Running"), operation("Running"), operation("Succeeded"))
    terminal.run("operations", "wait", OPERATION_ID)
    assert terminal.slept[:3] == [0.4, pytest.approx(0.6), pytest.approx(0.9)]
    assert max(terminal.slept) == 5.0
    assert terminal.slept[-2:] == [0.4, pytest.approx(0.6)]


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Superseded"])
def test_another_end_than_success_is_exit_code_1(status: str) -> None:
    """With the operation's own reason and hint."""
    ended = following(operation(status, reason=FAILURE)).run("operations", "wait", OPERATION_ID)
    assert ended.code == 1
    assert "out-of-memory: the engine was killed" in ended.err
    assert "Choose a larger instance type." in ended.err


def test_an_end_as_json_is_the_operation() -> None:
    """Also when it has failed; the reason is on standard error as well."""
    ended = following(operation("Failed", reason=FAILURE)).run("operations", "wait", OPERATION_ID, "--json", "--quiet")
    assert json.loads(ended.out)["reason"] == FAILURE
    assert json.loads(ended.err)["exit_code"] == 1


def test_waiting_ends_when_told_and_the_operation_goes_on() -> None:
    """Exit code 6, and how to go on watching."""
    terminal = following(operation("Running", phase="loading"))
    ended = terminal.run("operations", "wait", OPERATION_ID, "--timeout", "10")
    assert ended.code == 6
    assert terminal.now <= 10
    assert f"slipway operations wait {OPERATION_ID}" in ended.err


def test_an_interrupt_leaves_the_operation_alone() -> None:
    """Exit code 130."""
    ended = following(operation("Running"), interrupts_after=2).run("operations", "wait", OPERATION_ID)
    assert (ended.code, "goes on by itself" in ended.err) == (130, True)


def test_a_platform_that_goes_away_meanwhile_is_told_apart() -> None:
    """Exit code 5; a short absence is bridged."""
    away = httpx.ConnectError("connection refused")
    assert following(operation("Running"), away, away, operation("Succeeded")).run("operations", "wait", OPERATION_ID).code == 0
    ended = following(operation("Running"), away).run("operations", "wait", OPERATION_ID)
    assert (ended.code, "The operation goes on by itself." in ended.err) == (5, True)


def test_cancelling_waits_for_the_cancellation() -> None:
    """Cancelled is what was wanted; an operation that was quicker is not."""
    for status, code in (("Cancelled", 0), ("Succeeded", 1)):
        scripts: dict[str, list[Script]] = {
            f"POST /operations/{OPERATION_ID}/cancel": [accepted()],
            PATH: [operation("Running"), operation(status)],
        }
        assert Terminal(FakeManagement(scripts)).run("operations", "cancel", OPERATION_ID, "--wait").code == code


def test_an_operation_is_shown() -> None:
    """Phase, progress, reason, how long it took."""
    out = following(operation("Failed", phase="loading", progress=0.42, reason=FAILURE)).run("operations", "show", OPERATION_ID).out
    for words in ("create", "Failed", "out-of-memory", "loading 42%", "12 s"):
        assert words in out
