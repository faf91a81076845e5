"""A command that is sent twice happens once, and is answered alike.

The answer is stored in the transaction that carries the command out, under the caller and the caller's `Idempotency-Key`; the same key with
another request is refused. Keys live for 24 hours.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from kit.clock import Clock
from kit.errors import Conflict
from kit.table import Table, Transaction

COMMAND_LABEL = "command"
_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True)
class Command:
    """Who asks what, under which key. `key` is None when the caller did not send one: then nothing is remembered."""

    caller: str
    key: str | None
    digest: str


def command(caller: str, key: str | None, request: Mapping[str, Any]) -> Command:
    """The command that `caller` sends; `request` is everything that makes it this command (method, path, body, preconditions)."""
    text = json.dumps(request, sort_keys=True, separators=(",", ":"))
    return Command(caller, key, hashlib.sha256(text.encode()).hexdigest())


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
    return f"COMMAND#{asked.caller}#{asked.key}"
