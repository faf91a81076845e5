"""The limits of tokens, groups and models."""

from typing import Any

from access.ports import LimitTable
from access.usecases._limits import SCOPE
from contracts.limits import LimitsList
from contracts.limits import ListLimits as Asked
from kit.caller import Caller
from kit.paging import seal, unseal

_KEY = r"(token|group|model)#.{1,128}"


class ListLimits:
    """Answers one page, by kind and id."""

    def __init__(self, table: LimitTable) -> None:
        self._table = table

    def __call__(self, page: Asked, caller: Caller) -> dict[str, Any]:
        """Read one page."""
        caller.require(SCOPE)
        question = {"kind": page.kind}
        limits, following = self._table.page_limits(page.kind, unseal(page.next_token, question, _KEY), page.limit)
        return LimitsList(items=limits, next_token=None if following is None else seal(following, question)).document()
