"""The checker lets right histories pass, and finds what is wrong with each of the others."""

from typing import Any

import pytest

from tests.emulator.history.checker import Accepted, violations
from tests.emulator.history.log import Done, History, whole


def write(operation_id: str, began: int, ended: float, outcome: str = "ok", client: str = "a", **values: Any) -> Done:
    """A command on model m."""
    return Done(client, "m", "update", outcome, began, ended, operation_id=operation_id, **values)


def read(generation: int, began: int, ended: float, client: str = "a", text: str = "") -> Done:
    """A read of model m."""
    return Done(client, "m", "read", "ok", began, ended, generation=generation, text=text)


LEDGER = {"m": [Accepted("one", 1), Accepted("two", 2), Accepted("three", 3)]}
AUDIT = ["one", "two", "three"]
WRITES = [write("one", 0, 1), write("two", 2, 3), write("three", 4, 5)]
BESIDE = [write("one", 0, 1), write("two", 2, 3), write("three", 4, 9)]
RIGHT: dict[str, list[Done]] = {
    "one after the other": [*WRITES, read(3, 6, 7)],
    "a read beside a command sees either": [
        *BESIDE,
        read(2, 5, 6, "b"),
        read(3, 7, 8, "c"),
    ],
    "a reply that was lost": [write("one", 0, 1), write("", 2, float("inf"), "info"), write("three", 4, 5), read(3, 6, 7)],
    "a refusal": [*WRITES, write("", 6, 7, "fail"), read(3, 8, 9)],
    "commands at the same time, in either order": [write("two", 0, 3), write("one", 1, 2, client="b"), write("three", 4, 5)],
    "compare and set": [write("one", 0, 1), write("two", 2, 3, expected=1), write("three", 4, 5, expected=2)],
}
WRONG: dict[str, tuple[list[Done], str]] = {
    "an acknowledged command is missing": ([*WRITES, write("four", 6, 7)], "lost update"),
    "a compare and set that did not compare": ([*WRITES[:2], write("three", 4, 5, expected=1)], "lost update"),
    "a stale read after an acknowledgement": ([*WRITES, read(2, 6, 7, "b")], "stale read"),
    "a stale read after somebody else's read": ([*BESIDE, read(3, 5, 6, "b"), read(2, 7, 8, "c")], "stale read"),
    "a client goes back": ([*BESIDE, read(3, 5, 6, "b"), read(2, 7, 8, "b")], "went back"),
    "what began later comes first": ([write("two", 0, 1), write("one", 2, 3), write("three", 4, 5)], "had been acknowledged"),
    "a read of the future": ([*WRITES[:2], read(3, 4, 5, "b"), write("three", 6, 7)], "before its command had begun"),
    "a generation from nowhere": ([*WRITES, read(7, 6, 7)], "does not have"),
    "a text that nobody wrote": ([*WRITES, read(3, 6, 7, text="other")], "which is ''"),
    "a command that nobody sent": ([write("one", 0, 1), write("two", 2, 3)], "nobody was told of"),
    "a failed command that happened": ([write("one", 0, 1), write("two", 2, 3, "fail"), write("three", 4, 5)], "was refused"),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_history_passes(name: str) -> None:
    """Nothing is found."""
    assert violations(RIGHT[name], LEDGER, AUDIT) == []


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_history_is_found(name: str) -> None:
    """And named for what it is."""
    history, word = WRONG[name]
    assert any(word in text for text in violations(history, LEDGER, AUDIT))


@pytest.mark.parametrize(
    ("audit", "word"),
    [([*AUDIT, "two"], "doubled audit entry"), (["one", "three"], "has nothing of two"), ([*AUDIT, "five"], "no ledger has")],
)
def test_a_wrong_audit_is_found(audit: list[str], word: str) -> None:
    """Doubled, missing and invented entries."""
    assert any(word in text for text in violations(WRITES, LEDGER, audit))


@pytest.mark.parametrize(
    ("ledger", "word"),
    [
        ([Accepted("one", 1), Accepted("two", 2), Accepted("three", 2)], "given to two commands"),
        ([Accepted("two", 2), Accepted("one", 1), Accepted("three", 3)], "not in order"),
    ],
)
def test_a_wrong_ledger_is_found(ledger: list[Accepted], word: str) -> None:
    """Generations are given once, and rise."""
    assert any(word in text for text in violations(WRITES, {"m": ledger}, AUDIT))


def test_a_log_is_put_together_again() -> None:
    """Invocations find their completions; one without is of unknown end."""
    history = History()
    first = history.invoke("a", "m", "update", text="x")
    second = history.invoke("b", "m", "read")
    history.invoke("c", "m", "stop")
    history.complete(second, "ok", generation=4, text="x")
    history.complete(first, "info")
    assert whole(history.lines) == [
        Done("a", "m", "update", "info", 0, float("inf"), text="x"),
        Done("b", "m", "read", "ok", 1, 3, generation=4, text="x"),
        Done("c", "m", "stop", "info", 2, float("inf")),
    ]
