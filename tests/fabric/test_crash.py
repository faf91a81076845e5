"""The crash sweep finds what it is there to find."""

import pytest

from kit.aws import client
from tests.fabric.crash import sweep
from tests.fabric.world import create_table, small_aws


def _rows(_: None) -> int:
    return int(client("dynamodb").scan(TableName="rows", Select="COUNT")["Count"])


class _Table:
    """A world with one empty table."""

    def __enter__(self) -> None:
        self._aws = small_aws({})
        self._aws.__enter__()
        create_table("rows")

    def __exit__(self, *told: object) -> None:
        self._aws.__exit__(None, None, None)


def _put(key: str) -> None:
    client("dynamodb").put_item(TableName="rows", Item={"pk": {"S": key}, "sk": {"S": "it"}})


def test_what_may_be_repeated_passes() -> None:
    """The same key twice is one row, wherever the first run ended: two calls, two moments each."""

    def act(_: None) -> None:
        _put("one")
        _put("two")

    assert sweep(_Table, act, _rows) == 4


def test_what_may_not_be_repeated_is_found_with_its_call() -> None:
    """A row more for each delivery is seen, and the call after which it comes to be is named."""

    def act(_: None) -> None:
        _put(f"row-{_rows(None)}")

    with pytest.raises(AssertionError, match="a crash after call 1, dynamodb PutItem, ends differently"):
        sweep(_Table, act, _rows)


def test_a_failure_of_a_run_is_told_with_its_traceback() -> None:
    """What goes wrong in a copy of the process is seen in this one."""

    def act(_: None) -> None:
        _put("one")
        raise ValueError("the function is broken")

    with pytest.raises(AssertionError, match="the function is broken"):
        sweep(_Table, act, _rows)
