"""Which call a fault rule hits."""

import pytest

from local.emulator.faults import FaultRules


def rules(**row: object) -> FaultRules:
    """One rule."""
    found = FaultRules()
    found.load([row])
    return found


def test_a_rule_is_used_up() -> None:
    """`times` counts down."""
    found = rules(action="dynamodb:*", code="X", times=1)
    assert found.match("dynamodb:PutItem", "", b"") is not None
    assert found.match("dynamodb:PutItem", "", b"") is None


def test_a_rule_may_let_the_first_calls_pass() -> None:
    """`skip` makes the n-th call fail."""
    found = rules(action="*", skip=2, times=1)
    assert [found.match("a", "", b"") is not None for _ in range(4)] == [False, False, True, False]


def test_caller_and_body_narrow_a_rule() -> None:
    """Both must match."""
    found = rules(action="*", caller="*/router/*", body="model-1")
    assert found.match("a", "arn/router/x", b"..model-1..") is not None
    assert found.match("a", "arn/engine/x", b"..model-1..") is None
    assert found.match("a", "arn/router/x", b"..model-2..") is None


def test_an_unknown_field_is_refused() -> None:
    """A misspelt rule must not pass for one that never fires."""
    with pytest.raises(TypeError):
        rules(action="*", tiems=1)
