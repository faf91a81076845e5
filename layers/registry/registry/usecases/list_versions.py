"""The versions of a model."""

import re
from typing import Any

from contracts.common import SEMVER_PATTERN, Page
from kit.caller import Caller
from kit.errors import InvalidRequest, Violation
from registry.ports import VersionTable
from registry.usecases._shown import require_sight, shown


class ListVersions:
    """Answers one page, in the order of the versions' texts."""

    def __init__(self, table: VersionTable) -> None:
        self._table = table

    def __call__(self, model_id: str, page: Page, caller: Caller) -> dict[str, Any]:
        """Read one page; `NotFound` for a model that the caller may not see."""
        caller.require("models:read")
        if page.next_token is not None and not re.fullmatch(SEMVER_PATTERN, page.next_token):
            violation = Violation("next_token", "next-token-invalid", "must be the next_token of an earlier page")
            raise InvalidRequest("validation-failed", "1 field(s) are not acceptable", violations=[violation])
        require_sight(self._table, caller, model_id)
        versions, following = self._table.page(model_id, page.next_token, page.limit)
        return {"items": [shown(version) for version in versions], "next_token": following}
