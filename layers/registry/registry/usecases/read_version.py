"""One version and the evidence about it."""

import re
from typing import Any

from contracts.common import SEMVER_PATTERN
from kit.caller import Caller
from kit.errors import NotFound
from registry.ports import VersionTable
from registry.usecases._shown import require_sight, shown

_LONGEST = 96


class ReadVersion:
    """Answers the version as it is read back."""

    def __init__(self, table: VersionTable) -> None:
        self._table = table

    def __call__(self, model_id: str, version: str, caller: Caller) -> dict[str, Any]:
        """Read it; `NotFound` for a model that the caller may not see, and for a version that is not there."""
        caller.require("models:read")
        require_sight(self._table, caller, model_id)
        well_formed = len(version) <= _LONGEST and re.fullmatch(SEMVER_PATTERN, version)
        found = self._table.version(model_id, version) if well_formed else None
        if found is None:
            raise NotFound("version-not-found", "no such version of this model", "List its versions with GET /models/{model_id}/versions.")
        return shown(found)
