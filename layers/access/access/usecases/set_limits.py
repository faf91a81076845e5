"""What a token, a group or a model may use is limited, in place of any limits that it has."""

from access.ports import LimitTable, TokenReader
from access.usecases._limits import expect, key_of
from contracts.limits import SetLimits as Asked
from contracts.limits import SubjectLimits
from kit.caller import Caller, Command
from kit.clock import Clock, iso
from kit.envelope import Cause
from kit.errors import InvalidRequest, NotFound, Violation
from kit.patience import Patience


class SetLimits:
    """Answers the limits as they are now. Routers hold to them within seconds, and to what they leased before until then."""

    def __init__(self, table: LimitTable, tokens: TokenReader, clock: Clock, patience: Patience) -> None:
        self._table, self._tokens, self._clock, self._patience = table, tokens, clock, patience

    def __call__(
        self, kind: str, subject_id: str, asked: Asked, generation: int | None, caller: Caller, command: Command, request_id: str
    ) -> SubjectLimits:
        """Set them; `NotFound`, `InvalidRequest`, `StaleGeneration`, or `Conflict` for a key that was used otherwise."""
        key = key_of(caller, kind, subject_id)
        _refuse_prices(kind, asked)

        def attempt() -> SubjectLimits:
            answered = self._table.limits_for(command)
            if answered is not None:
                return answered
            if kind == "token" and self._tokens.find(subject_id) is None:
                raise NotFound("token-not-found", "no such token", "List tokens with GET /tokens.")
            before = self._table.find_limits(key)
            expect(before, generation)
            about = {"kind": kind, "subject_id": subject_id, "generation": self._table.next_generation()}
            who = {"updated_by": caller.subject, "updated_at": iso(self._clock.now())}
            after = SubjectLimits.validate_document(asked.document() | about | who)
            self._table.change_limits(before, after, after.generation, command, Cause(caller.subject, request_id))
            return after

        return self._patience.persist(attempt)


def _refuse_prices(kind: str, asked: Asked) -> None:
    if asked.prices is None or kind == "model":
        return
    violation = Violation("prices", "prices-not-possible", "only models have prices")
    raise InvalidRequest("validation-failed", "1 field(s) are not acceptable", violations=[violation])
