"""A command that is sent twice happens once, and is answered alike.

The answer is stored in the transaction that carries the command out, under the caller and the caller's `Idempotency-Key`; the same key with
another request is refused. Keys live for 24 hours.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from kit.caller import Command, command
from kit.clock import Clock
from kit.errors import Conflict
from kit.table import Table, Transaction

__all__ = ["COMMAND_LABEL", "Command", "CommandLog", "command"]

COMMAND_LABEL = "command"
_LIFETIME = timedelta(hours=24)


class CommandLog:
    """Remembers answers in the context's own table."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table, self._clock = table, clock

    def answer(self, asked: Command) -> dict[str, Any] | None:
        """The answer given before, or None. `Conflict("idempotency-key-reused")` if the key was used for another request."""
        if asked.key is None:
            return None
        row = self._table.get(_partition(asked), "COMMAND")
        if row is None:
            return None
        if row.document["digest"] != asked.digest:
            raise Conflict(
                "idempotency-key-reused", "this Idempotency-Key was sent before with another request", "Use a new key for a new request."
            )
        answer: dict[str, Any] = row.document["answer"]
        return answer

    def remember(self, transaction: Transaction, asked: Command, answer: Mapping[str, Any]) -> None:
        """Add the answer to the transaction that carries the command out."""
        if asked.key is None:
            return
        expires = int((self._clock.now() + _LIFETIME).timestamp())
        transaction.insert(
            COMMAND_LABEL, _partition(asked), "COMMAND", {"digest": asked.digest, "answer": dict(answer)}, expires_at=expires
        )


def _partition(asked: Command) -> str:
    # Quoted, or the caller `a#b` with the key `c` would meet the caller `a` with the key `b#c`.
    return f"COMMAND#{quote(asked.caller, safe=':@')}#{asked.key}"
