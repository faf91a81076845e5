"""Serving's table: rows as docs/architecture.md lays them out, one transaction per change."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from kit import commands, envelope, ledger
from kit.caller import Command
from kit.clock import Clock
from kit.table import Row, Table, Transaction
from serving.adapters import documents, gauges, traffic
from serving.domain.change import Cause, Change, TaskChange, picture
from serving.domain.model import Model
from serving.domain.operation import Operation, Wait
from serving.ports import LedgerEntry, Remembered

_MODEL, _OPERATION, _SERVICE, _NAME = "MODEL", "OPERATION", "SERVICE", "NAME"
_TASK_PREFIX, _WAIT_PREFIX = "TASK#", "WAIT#"
_RUNNING = "RUNNING"
_STOPPED_TASK_LIFETIME = timedelta(days=1)  # longer than any redelivery of an older event about it
_RELEASED_LIFETIME = timedelta(days=7)  # for late events, and for the sweep to know an orphan as ours
_MODELS_AT_A_TIME = 101  # the longest page, and the one behind it that says whether there are more


class TableStore:
    """`ports.Store` on DynamoDB."""

    def __init__(self, table: Table, wrapper: envelope.Wrapper, clock: Clock) -> None:
        self._table, self._wrapper, self._clock = table, wrapper, clock
        self._commands = commands.CommandLog(table, clock)

    def model(self, model_id: str) -> Model | None:
        """See `ports.Store`."""
        row = self._table.get(_partition(model_id), _MODEL)
        return documents.model(row.document) if row else None

    def holder(self, name: str) -> str | None:
        """See `ports.Store`."""
        row = self._table.get(_name(name), _NAME)
        if row:
            return str(row.document["model_id"])
        model = self.model(name)  # those of older releases have no row for their id
        return name if model and not model.deleted else None

    def operation(self, operation_id: str) -> Operation | None:
        """See `ports.Store`."""
        row = self._table.get(f"OPERATION#{operation_id}", _OPERATION)
        return documents.operation(row.document) if row else None

    def wait(self, operation_id: str, model_id: str) -> Wait | None:
        """See `ports.Store`."""
        row = self._table.get(_partition(model_id), _WAIT_PREFIX + operation_id)
        return documents.wait(row.document) if row else None

    def task_version(self, model_id: str, task_id: str) -> int | None:
        """See `ports.Store`."""
        row = self._table.get(_partition(model_id), _TASK_PREFIX + task_id)
        return int(row.attributes["version"]) if row else None

    def forget_observations(self, model_id: str) -> None:
        """See `ports.Store`."""
        for row in list(self._table.query(_partition(model_id), prefix=_TASK_PREFIX)):
            self._table.remove(row.pk, row.sk)
        self._table.remove(_partition(model_id), traffic.LOAD)

    def owner_of(self, service: str) -> tuple[str, int] | None:
        """See `ports.Store`."""
        row = self._table.get(f"SERVICE#{service}", _SERVICE)
        return (str(row.document["model_id"]), int(row.document["generation"])) if row else None

    def answer(self, command: Command) -> dict[str, Any] | None:
        """See `ports.Store`."""
        return self._commands.answer(command)

    def commit(self, change: Change, cause: Cause, remembered: Remembered | None = None) -> None:
        """See `ports.Store`."""
        transaction = Transaction()
        _write_model(transaction, change.before, change.after)
        _write_names(transaction, change.before, change.after)
        for before, after in change.operations:
            _write_operation(transaction, before, after)
        if change.task:
            self._write_task(transaction, change.after.model_id, change.task)
        self._write_waits(transaction, change)
        self._write_services(transaction, change)
        if change.traffic:
            traffic.write(transaction, change.traffic, self._clock)
        if remembered:
            self._commands.remember(transaction, remembered.command, remembered.answer)
        self._record(transaction, change, cause)
        self._table.commit(transaction)
        gauges.moved(change.operations)

    def models(self, *, prefix: str, after: str | None, forward: bool) -> Iterator[Model]:
        """See `ports.Store`."""
        start = {"pk": _partition(after), "sk": _MODEL, "collection": _MODEL, "sort_key": after} if after else None
        for row in self._table.query_collection(_MODEL, after=start, prefix=prefix, at_a_time=_MODELS_AT_A_TIME, forward=forward):
            yield documents.model(row.document)

    def running_operations(self) -> Iterator[Operation]:
        """See `ports.Store`."""
        for row in list(self._table.query_collection(_RUNNING)):
            operation = self.operation(str(row.document["operation_id"]))
            if operation and not operation.ended:
                yield operation

    def ledger(self, model_id: str, *, after: int | None, limit: int, forward: bool) -> list[LedgerEntry]:
        """See `ports.Store`."""
        start = ledger.ledger_key(after) if after is not None else None
        rows = self._table.query(_partition(model_id), prefix=ledger.LEDGER_PREFIX, after=start, limit=limit, forward=forward)
        return [_entry(row) for row in rows]

    def _write_task(self, transaction: Transaction, model_id: str, task: TaskChange) -> None:
        seen = task.observation
        expires = self._expiry(_STOPPED_TASK_LIFETIME) if seen.stopped else None
        where = _partition(model_id), _TASK_PREFIX + seen.task_id
        document = documents.of_observation(seen)
        if task.known_version is None:
            transaction.insert("task", *where, document, version=seen.version, expires_at=expires)
        else:
            transaction.replace("task", *where, document, when={"version": task.known_version}, version=seen.version, expires_at=expires)

    def _write_waits(self, transaction: Transaction, change: Change) -> None:
        where = _partition(change.after.model_id)
        if change.wait:
            # Only the operation's own machine writes here, and a repeated step brings the token that counts.
            transaction.put("wait", where, _WAIT_PREFIX + change.wait.operation_id, documents.of_wait(change.wait))
        if change.ended_wait:
            transaction.delete("wait", where, _WAIT_PREFIX + change.ended_wait)

    def _write_services(self, transaction: Transaction, change: Change) -> None:
        model_id = change.after.model_id
        if change.claim:
            owned = {"model_id": model_id, "generation": change.after.generation}
            transaction.put("service", f"SERVICE#{change.claim}", _SERVICE, owned)
        for gone in change.released:
            owned = {"model_id": model_id, "generation": gone.generation}
            transaction.put("service", f"SERVICE#{gone.service}", _SERVICE, owned, expires_at=self._expiry(_RELEASED_LIFETIME))

    def _record(self, transaction: Transaction, change: Change, cause: Cause) -> None:
        revision = change.before.revision if change.before else 0
        why = envelope.Cause(cause.actor, cause.correlation_id, cause.causation_id, cause.causation_type)
        for number, fact in enumerate(change.facts, start=revision + 1):
            wrapped = self._wrapper.wrap(envelope.Fact(fact.event_type, fact.data | {"revision": number}), why)
            before, after = picture(change.before, wish=fact.wish), picture(change.after, wish=fact.wish)
            ledger.record(transaction, _partition(change.after.model_id), number, wrapped, before, after)

    def _expiry(self, lifetime: timedelta) -> int:
        return int((self._clock.now() + lifetime).timestamp())


def _write_model(transaction: Transaction, before: Model | None, after: Model) -> None:
    where = _partition(after.model_id), _MODEL
    plain: dict[str, Any] = {"generation": after.generation, "revision": after.revision, "edition": after.edition}
    if not after.deleted:
        plain |= {"collection": _MODEL, "sort_key": after.model_id}
    if before is None:
        transaction.insert("model", *where, documents.of_model(after), **plain)
    else:
        transaction.replace("model", *where, documents.of_model(after), when={"edition": before.edition}, **plain)


def _write_names(transaction: Transaction, before: Model | None, after: Model) -> None:
    """A row for each name, which can be written only while there is none: two models never have the same, however they are written."""
    held = before.names if before else frozenset()
    for name in sorted(after.names - held):
        transaction.insert("name", _name(name), _NAME, {"model_id": after.model_id})
    for name in sorted(held - after.names):
        transaction.delete("name", _name(name), _NAME)


def _write_operation(transaction: Transaction, before: Operation | None, after: Operation) -> None:
    where = f"OPERATION#{after.operation_id}", _OPERATION
    plain: dict[str, Any] = {"edition": after.edition, "status": after.status.value}
    if not after.ended:
        plain |= {"collection": _RUNNING, "sort_key": after.deadline}
    if before is None:
        transaction.insert("operation", *where, documents.of_operation(after), **plain)
    else:
        transaction.replace("operation", *where, documents.of_operation(after), when={"edition": before.edition}, **plain)


def _entry(row: Row) -> LedgerEntry:
    return LedgerEntry(int(row.document["revision"]), row.document)


def _name(name: str) -> str:
    return f"NAME#{name}"


def _partition(model_id: str) -> str:
    return f"MODEL#{model_id}"
