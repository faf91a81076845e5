"""A token is worth nothing any more."""

from access.domain.token import Token, revoked
from access.ports import TokenTable
from access.usecases._finding import found
from access.usecases._shown import shown
from contracts.access import Token as Shown
from kit.caller import Caller, Command
from kit.clock import Clock, iso
from kit.envelope import Cause
from kit.patience import Patience


class RevokeToken:
    """Answers the token as it is now; one that was revoked before is answered alike, and nothing is written."""

    def __init__(self, table: TokenTable, clock: Clock, patience: Patience) -> None:
        self._table, self._clock, self._patience = table, clock, patience

    def __call__(self, token_id: str, caller: Caller, command: Command, request_id: str) -> Shown:
        """Revoke it; `NotFound` for another's, `Conflict` for a key that was used otherwise."""
        caller.require("tokens:write")

        def attempt() -> Token:
            answered = self._table.revoked_for(command)
            if answered is not None:
                return answered
            before = found(self._table, caller, token_id)
            after = revoked(before, iso(self._clock.now()))
            if after is None:
                return before
            self._table.revoke(before, after, command, Cause(caller.subject, request_id))
            return after

        return shown(self._patience.persist(attempt))
