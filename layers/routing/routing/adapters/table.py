"""The route table in DynamoDB: one partition, whose head every change must move on by one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from contracts.routing import HEAD_KEY, ROUTE_PREFIX, ROUTES_PARTITION, RouteChanged, RouteTarget
from contracts.routing import Route as Row
from kit.caller import Command
from kit.clock import Clock
from kit.commands import CommandLog
from kit.envelope import Cause, Fact, Wrapper
from kit.ledger import advance, record
from kit.table import Table, Transaction
from routing.domain.route import Change, Known, Route, Target
from routing.ports import Snapshot

_GONE_PREFIX = "GONE#"
_GONE_LIFETIME = timedelta(days=30)  # far longer than any delivery may take


@dataclass(frozen=True)
class TableSnapshot:
    """The table's revision and what it held of one model at it."""

    revision: int
    known: Known
    document: dict[str, Any] | None
    row_revision: int


class DynamoRouteTable:
    """Reads the head first: as every change moves it, an unmoved head at commit proves that what was read behind it still holds."""

    def __init__(self, table: Table, wrapper: Wrapper, clock: Clock) -> None:
        self._table, self._wrapper, self._clock = table, wrapper, clock
        self._commands = CommandLog(table, clock)

    def read(self, model_id: str) -> TableSnapshot:
        """The head, the model's row and what remains of an earlier one; strongly consistent."""
        head = self._table.get(ROUTES_PARTITION, HEAD_KEY)
        revision = int(head.attributes["revision"]) if head else 0
        gone = self._table.get(ROUTES_PARTITION, _GONE_PREFIX + model_id)
        ended = str(gone.attributes["event_id"]) if gone else None
        row = self._table.get(ROUTES_PARTITION, ROUTE_PREFIX + model_id)
        if row is None:
            return TableSnapshot(revision, Known(None, ended), None, 0)
        route = _route(row.document, row.attributes)
        return TableSnapshot(revision, Known(route, ended), row.document, int(row.attributes["revision"]))

    def commit(self, snapshot: Snapshot, change: Change, cause: Cause) -> None:
        """One transaction: head, row, ledger, outbox."""
        self._table.commit(self._transaction(snapshot, change, cause))

    def answer(self, command: Command) -> dict[str, Any] | None:
        """See `ports.TrafficTable`."""
        return self._commands.answer(command)

    def obey(self, snapshot: Snapshot, change: Change, cause: Cause, command: Command, answer: Mapping[str, Any]) -> None:
        """The same transaction with the command's record."""
        transaction = self._transaction(snapshot, change, cause)
        self._commands.remember(transaction, command, answer)
        self._table.commit(transaction)

    def _transaction(self, snapshot: Snapshot, change: Change, cause: Cause) -> Transaction:
        if not isinstance(snapshot, TableSnapshot):
            message = "a snapshot is committed to the table that it was read from"
            raise TypeError(message)
        revision = snapshot.revision + 1
        after = _document(change.route, revision) if change.route else None
        transaction = Transaction()
        advance(transaction, ROUTES_PARTITION, HEAD_KEY, snapshot.revision, revision)
        if change.route is not None and after is not None:
            _write(transaction, snapshot, ROUTE_PREFIX + change.model_id, after, {"revision": revision, **_attributes(change.route)})
        elif snapshot.document is not None:
            transaction.delete("route", ROUTES_PARTITION, ROUTE_PREFIX + change.model_id, when={"revision": snapshot.row_revision})
        if change.gone is not None:
            expires = int((self._clock.now() + _GONE_LIFETIME).timestamp())
            transaction.put("gone", ROUTES_PARTITION, _GONE_PREFIX + change.model_id, {}, event_id=change.gone, expires_at=expires)
        data = RouteChanged.validate_document(
            {
                "model_id": change.model_id,
                "generation": change.generation,
                "revision": revision,
                "state": change.route.state if change.route else "removed",
                "route": after,
                "reason": change.reason,
            }
        ).document()
        envelope = self._wrapper.wrap(Fact(RouteChanged.event_type(), data, RouteChanged.contract_version), cause)
        record(transaction, ROUTES_PARTITION, revision, envelope, snapshot.document, after)
        return transaction


def _write(transaction: Transaction, snapshot: TableSnapshot, key: str, document: dict[str, Any], attributes: dict[str, Any]) -> None:
    if snapshot.document is None:
        transaction.insert("route", ROUTES_PARTITION, key, document, **attributes)
    else:
        transaction.replace("route", ROUTES_PARTITION, key, document, when={"revision": snapshot.row_revision}, **attributes)


def _attributes(route: Route) -> dict[str, Any]:
    """What the rules need to remember and routers need not know."""
    return {"last_event": route.last_event, "deleting": int(route.deleting), "stopped": route.stopped, "shared_at": route.shared_at}


def _document(route: Route, revision: int) -> dict[str, Any]:
    targets = [
        RouteTarget.validate_document(
            {
                "target_id": target.target_id,
                "version": target.version,
                "kind": target.kind,
                "address": target.address,
                "port": target.port,
                "weight": target.weight,
                "status": target.status,
                "engine_kind": target.engine_kind,
                "provider": target.provider,
            }
        ).document()
        for target in route.targets
    ]
    own = {"model_id": route.model_id, "revision": revision, "generation": route.generation, "state": route.state, "targets": targets}
    versions = [{"version": version, "weight": weight} for version, weight in route.versions]
    ways = {"provider": route.provider, "expected_start_seconds": route.expected_start_seconds, "versions": versions}
    return Row.validate_document({**route.about, **own, **ways}).document()


def _route(document: dict[str, Any], attributes: Mapping[str, Any]) -> Route:
    row = Row.validate_document(document).document()
    own = {"model_id", "revision", "generation", "state", "targets", "provider", "expected_start_seconds", "versions"}
    return Route(
        model_id=row["model_id"],
        generation=row["generation"],
        state=row["state"],
        about={name: value for name, value in row.items() if name not in own},
        last_event=str(attributes["last_event"]),
        targets=tuple(Target(**target) for target in row["targets"]),
        deleting=attributes["deleting"] == 1,
        stopped=int(attributes.get("stopped", 0)),  # rows from before models could stop do not say
        provider=row["provider"],
        expected_start_seconds=row["expected_start_seconds"],
        shared_at=int(attributes.get("shared_at", 0)),
        versions=tuple((share["version"], share["weight"]) for share in row["versions"]),
    )
