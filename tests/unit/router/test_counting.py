"""Counting the tokens of a prompt: a request like any other, of which no tokens are used."""

from typing import Any
from unittest.mock import Mock

import pytest

from contracts.inference import CHAT, COUNT_TOKENS
from router.limits.caps import capped
from tests.unit.router.limiting import TOKEN, Clock, SpendRows, Station, in_loop, limited


@in_loop
async def test_counting_uses_nothing_of_a_budget() -> None:
    """An answer without a word of usage stands for what was reserved, but not where nothing was to be written."""
    table = SpendRows()
    station = Station(table, Clock()).follow(limited(budgets=[{"period": "day", "tokens": 1000}]))
    for path, spent in ((COUNT_TOKENS, 0), (CHAT, 20)):
        admission = await station.admit()
        admission.leave(Mock(path=path, status=200, usage=None, asked_at=1.0, extra_headers=[]))
        await station.settle()
        assert table.account("token", TOKEN, "DAY").spent[1] == spent


@pytest.mark.parametrize(("path", "changed"), [(COUNT_TOKENS, False), (CHAT, True)])
def test_a_cap_is_said_where_something_is_written(path: str, changed: bool) -> None:
    """`max_tokens` is no field of a request that only counts."""
    document: dict[str, Any] = {"messages": []}
    capped_document, _ = capped(document, b"{}", 7, path=path, task="chat", defaults={})
    assert ("max_tokens" in capped_document) is changed
