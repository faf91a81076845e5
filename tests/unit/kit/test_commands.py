"""A command that is sent twice happens once."""

import pytest

from kit.caller import Caller, command
from kit.clock import ManualClock
from kit.commands import CommandLog
from kit.errors import Conflict, Contended, Forbidden
from kit.table import Table, Transaction
from tests.fabric.world import images


@pytest.fixture
def log(table: Table) -> CommandLog:
    """An empty log."""
    return CommandLog(table, ManualClock())


def _remember(table: Table, log: CommandLog, caller: str, key: str | None, answer: str) -> None:
    transaction = Transaction()
    log.remember(transaction, command(caller, key, {"n": 1}), {"answer": answer})
    table.commit(transaction)


def test_the_first_answer_is_given_again(table: Table, log: CommandLog) -> None:
    """For the same request, whatever the order of its fields; it goes after a day."""
    _remember(table, log, "c", "k", "first")
    assert log.answer(command("c", "k", {"n": 1})) == {"answer": "first"}
    assert int(images("kit")[0]["expires_at"]["N"]) == int(ManualClock().now().timestamp()) + 86_400
    assert command("c", "k", {"a": 1, "b": 2}) == command("c", "k", {"b": 2, "a": 1})


def test_another_request_under_the_key_is_refused(table: Table, log: CommandLog) -> None:
    """A key is one request's."""
    _remember(table, log, "c", "k", "first")
    with pytest.raises(Conflict, match="idempotency-key-reused"):
        log.answer(command("c", "k", {"n": 2}))


def test_without_a_key_nothing_is_remembered(table: Table, log: CommandLog) -> None:
    """Each request is a new one."""
    _remember(table, log, "c", None, "first")
    assert log.answer(command("c", None, {"n": 1})) is None
    assert images("kit") == []


def test_two_at_once_cannot_both_win(table: Table, log: CommandLog) -> None:
    """The second transaction fails whole."""
    _remember(table, log, "c", "k", "first")
    with pytest.raises(Contended):
        _remember(table, log, "c", "k", "second")


@pytest.mark.parametrize("other", [("d", "k"), ("a", "b#k"), ("a#b#", "k"), ("a%23b", "k")])
def test_callers_keys_never_meet(table: Table, log: CommandLog, other: tuple[str, str]) -> None:
    """Also when the caller's name holds the mark between the two."""
    _remember(table, log, "a#b", "k", "secret")
    assert log.answer(command(*other, {"n": 1})) is None


@pytest.mark.parametrize(
    ("caller", "allowed", "sees"),
    [
        (Caller("x"), ["g"], False),
        (Caller("x"), ["*"], True),
        (Caller("x"), [], False),
        (Caller("x", groups=("g",)), ["g", "h"], True),
        (Caller("x", groups=("*",)), ["g"], False),
        (Caller("x", groups=("G",)), ["g"], False),
        (Caller("x", scopes=("admin",)), [], True),
        (Caller("x", groups=("g",), only=("m",)), ["g"], True),
        (Caller("x", groups=("g",), only=("n",)), ["*"], False),
        (Caller("x", groups=("h",), only=("m",)), ["g"], False),
    ],
)
def test_who_sees_what(caller: Caller, allowed: list[str], sees: bool) -> None:
    """By groups, exactly, and by name where the credential is restricted; administrators all."""
    assert caller.may_see("m", allowed) is sees


def test_a_scope_is_held_or_not() -> None:
    """Administrators hold every one."""
    Caller("x", scopes=("admin",)).require("models:write")
    Caller("x", scopes=("models:read",)).require("models:read")
    with pytest.raises(Forbidden, match="scope-missing"):
        Caller("x", scopes=("models:read",)).require("models:write")
