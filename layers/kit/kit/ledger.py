"""The ledger: outbox, audit row and timeline at once.

One immutable row per fact, written in the transaction that made the fact true, and one outbox marker that points at it and goes away once
the fact has been announced. A marker that stays is a fact nobody has heard of; the context's sweep announces it again.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Any

from kit.bus import Bus
from kit.clock import Clock, iso
from kit.envelope import Envelope, Metadata
from kit.errors import SlipwayError
from kit.row import known
from kit.table import Row, Table, Transaction

LEDGER_PREFIX = "LEDGER#"
_SHARDS = 4  # spreads the markers over partitions; each takes 1,000 writes a second


def ledger_key(revision: int) -> str:
    """The sort key of the ledger row with this revision."""
    return f"{LEDGER_PREFIX}{revision:012d}"


def advance(transaction: Transaction, pk: str, head: str, before: int, after: int, document: Mapping[str, Any] | None = None) -> None:
    """Add to `transaction` that the partition's row `head` goes on from revision `before` (0: there is none yet) to `after`, or nothing of
    it is written."""
    if before == 0:
        transaction.insert("head", pk, head, document or {}, revision=after)
    else:
        transaction.replace("head", pk, head, document or {}, when={"revision": before}, revision=after)


def record(
    transaction: Transaction,
    pk: str,
    revision: int,
    envelope: Envelope,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add to `transaction` the ledger row `revision` of partition `pk` holding the whole event, and its outbox marker.

    The caller's transaction must make `revision` the partition's newest, conditionally (`advance`), or two writers could claim one row.
    """
    document = {
        "event_type": envelope.event_type,
        "metadata": vars(envelope.metadata),
        "data": envelope.data,
        "before": before,
        "after": after,
        "revision": revision,
    }
    transaction.insert("ledger", pk, ledger_key(revision), document, event_id=envelope.metadata.id)
    transaction.put("outbox", _outbox_partition(pk), envelope.metadata.id, {"pk": pk, "sk": ledger_key(revision)})


def entry(row: Row) -> Envelope:
    """The event in a ledger row, with what it changed: those who audit read it on the bus, as nobody reads another's ledger."""
    document = row.document
    metadata = replace(Metadata(**known(Metadata, document["metadata"])), change=difference(document.get("before"), document.get("after")))
    return Envelope(document["event_type"], metadata, document["data"])


def difference(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """`{"before", "after"}` with the parts that differ only, to any depth; None if nothing does."""
    if before == after:
        return None
    if before is None or after is None:
        return {"before": before, "after": after}
    told: dict[str, Any] = {"before": {}, "after": {}}
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        inner = difference(old, new) if isinstance(old, Mapping) and isinstance(new, Mapping) else None
        told["before"][name], told["after"][name] = (inner["before"], inner["after"]) if inner else (old, new)
    return told


class Announcer:
    """Puts recorded facts on the bus, and only that."""

    def __init__(self, table: Table, bus: Bus, clock: Clock) -> None:
        self._table, self._bus, self._clock = table, bus, clock

    def announce(self, row: Row) -> None:
        """Publish the ledger row's event, then forget its marker. Crashing in between publishes again: consumers deduplicate on the id."""
        envelope = entry(row)
        self._bus.publish([envelope])
        self._table.remove(_outbox_partition(row.pk), envelope.metadata.id)

    def announce_forgotten(self, older_than_seconds: int = 60, limit: int = 500) -> int:
        """Publish the facts whose markers are older than that; answers how many. Run by the context's sweep.

        One that cannot be published does not keep the others back; the first such error is raised at the end.
        """
        horizon = iso(self._clock.now() - timedelta(seconds=older_than_seconds))
        count = 0
        failure: SlipwayError | None = None
        for row in islice(self._forgotten(horizon), limit):
            try:
                self.announce(row)
                count += 1
            except SlipwayError as error:
                failure = failure or error
        if failure:
            raise failure
        return count

    def _forgotten(self, horizon: str) -> Iterator[Row]:
        for shard in range(_SHARDS):
            for marker in self._table.query(f"OUTBOX#{shard}"):
                row = self._table.get(marker.document["pk"], marker.document["sk"])
                if row is None:
                    self._table.remove(marker.pk, marker.sk)  # the two are written together: this row was announced and has expired since
                    continue
                if row.document["metadata"]["occurred_at"] > horizon:
                    break  # markers sort by time: everything behind this one is younger
                yield row


def _outbox_partition(pk: str) -> str:
    return f"OUTBOX#{zlib.crc32(pk.encode()) % _SHARDS}"
