"""The tokens that a caller issued; administrators see all."""

import re
from typing import Any

from access.ports import TokenTable
from access.usecases._shown import shown
from contracts.common import Page
from kit.caller import Caller
from kit.errors import InvalidRequest, Violation

_NEXT = re.compile(r"[a-z2-7]{16}")


class ListTokens:
    """Answers one page, by token id. A page may lag behind the last write by a moment; reading one token does not."""

    def __init__(self, table: TokenTable) -> None:
        self._table = table

    def __call__(self, page: Page, caller: Caller) -> dict[str, Any]:
        """Read one page. The token to go on with is only a position: what is listed depends on the caller alone."""
        caller.require("tokens:write")
        if page.next_token is not None and not _NEXT.fullmatch(page.next_token):
            violation = Violation("next_token", "next-token-invalid", "must be the next_token of an earlier page")
            raise InvalidRequest("validation-failed", "1 field(s) are not acceptable", violations=[violation])
        owner = None if caller.is_admin else caller.subject
        tokens, following = self._table.page(owner, page.next_token, page.limit)
        return {"items": [shown(token).document() for token in tokens], "next_token": following}
