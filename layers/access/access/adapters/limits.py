"""Limits in DynamoDB: a partition of the token table that routers follow by its head's revision; and what routers wrote down as spent."""

from typing import Any

from contracts.access import HEAD_KEY
from contracts.limits import LIMIT_PREFIX, LIMITS_PARTITION, Kind, LimitsChanged, SubjectLimits
from contracts.spending import Account, Window, partition_of
from kit.caller import Command
from kit.commands import CommandLog
from kit.envelope import Cause, Fact, Wrapper
from kit.ledger import advance, record
from kit.table import Table, Transaction


class DynamoLimitTable:
    """Every change moves the head on by one, and that number is the limits' generation: it rises also over a removal."""

    def __init__(self, table: Table, commands: CommandLog, wrapper: Wrapper) -> None:
        self._table, self._commands, self._wrapper = table, commands, wrapper

    def find_limits(self, key: str) -> SubjectLimits | None:
        """The limits with this key, read strongly consistently."""
        row = self._table.get(LIMITS_PARTITION, LIMIT_PREFIX + key)
        return None if row is None else SubjectLimits.receive(row.document)

    def page_limits(self, kind: Kind | None, after: str | None, limit: int) -> tuple[list[SubjectLimits], str | None]:
        """One page by key."""
        prefix = LIMIT_PREFIX if kind is None else f"{LIMIT_PREFIX}{kind}#"
        behind = None if after is None else LIMIT_PREFIX + after
        rows = list(self._table.query(LIMITS_PARTITION, prefix=prefix, after=behind, limit=limit + 1))
        found = [SubjectLimits.receive(row.document) for row in rows[:limit]]
        return found, found[-1].key if len(rows) > limit else None

    def limits_for(self, command: Command) -> SubjectLimits | None:
        """What this command was answered before."""
        answer = self._commands.answer(command)
        return None if answer is None else SubjectLimits.receive(answer["limits"])

    def next_generation(self) -> int:
        """One more than the head's revision."""
        head = self._table.get(LIMITS_PARTITION, HEAD_KEY)
        return 1 if head is None else int(head.attributes["revision"]) + 1

    def change_limits(
        self, before: SubjectLimits | None, after: SubjectLimits | None, generation: int, command: Command, cause: Cause
    ) -> None:
        """One transaction: head, limits, command, ledger, outbox."""
        known = after or before
        if known is None:
            return
        transaction = Transaction()
        advance(transaction, LIMITS_PARTITION, HEAD_KEY, generation - 1, generation)
        sk = LIMIT_PREFIX + known.key
        if after is None:
            transaction.delete("limits", LIMITS_PARTITION, sk, when={"generation": known.generation})
        elif before is None:
            transaction.insert("limits", LIMITS_PARTITION, sk, after.document(), generation=generation)
        else:
            transaction.replace(
                "limits", LIMITS_PARTITION, sk, after.document(), when={"generation": before.generation}, generation=generation
            )
        self._commands.remember(transaction, command, {"limits": known.document()})
        told = LimitsChanged(kind=known.kind, subject_id=known.subject_id, generation=generation, limits=after)
        envelope = self._wrapper.wrap(Fact(told.event_type(), told.document(), told.contract_version), cause)
        record(transaction, LIMITS_PARTITION, generation, envelope, _shown(before), _shown(after))
        self._table.commit(transaction)


def _shown(limits: SubjectLimits | None) -> dict[str, Any] | None:
    return None if limits is None else limits.document()


class DynamoSpendReader:
    """The rows that routers lease from."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def account(self, kind: Kind, subject_id: str, window: Window) -> Account:
        """The account as of now."""
        row = self._table.get(partition_of(kind, subject_id), window.sk)
        return Account() if row is None else Account.parse(row.document)
