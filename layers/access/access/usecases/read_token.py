"""What one token may do."""

from access.ports import TokenReader
from access.usecases._finding import found
from access.usecases._shown import shown
from contracts.access import Token as Shown
from kit.caller import Caller


class ReadToken:
    """Answers the token as it is shown."""

    def __init__(self, table: TokenReader) -> None:
        self._table = table

    def __call__(self, token_id: str, caller: Caller) -> Shown:
        """Read it; `NotFound` for another's."""
        caller.require("tokens:write")
        return shown(found(self._table, caller, token_id))
