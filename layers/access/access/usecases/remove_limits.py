"""A token, a group or a model is limited no longer."""

from access.ports import LimitTable
from access.usecases._limits import expect, key_of, not_found
from contracts.limits import SubjectLimits
from kit.caller import Caller, Command
from kit.envelope import Cause
from kit.patience import Patience


class RemoveLimits:
    """Answers the limits as they were. What was spent stays written down for as long as its period is kept."""

    def __init__(self, table: LimitTable, patience: Patience) -> None:
        self._table, self._patience = table, patience

    def __call__(
        self, kind: str, subject_id: str, generation: int | None, caller: Caller, command: Command, request_id: str
    ) -> SubjectLimits:
        """Remove them; `NotFound`, `StaleGeneration`, or `Conflict` for a key that was used otherwise."""
        key = key_of(caller, kind, subject_id)

        def attempt() -> SubjectLimits:
            answered = self._table.limits_for(command)
            if answered is not None:
                return answered
            before = self._table.find_limits(key)
            if before is None:
                raise not_found()
            expect(before, generation)
            self._table.change_limits(before, None, self._table.next_generation(), command, Cause(caller.subject, request_id))
            return before

        return self._patience.persist(attempt)
