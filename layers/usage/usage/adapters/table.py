"""The audit table in DynamoDB: a partition a month, in it one row an event, by the event's id, which is its time.

Model, actor and type are no partitions: facts are some a minute at most, far from the 1,000 writes a second that one partition takes, and a
month's partition is one query where a day's would be thirty. The index gathers what is about one model or token, over all months.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from kit.clock import Clock
from kit.errors import Broken
from kit.ids import floor_of, moment_of
from kit.row import known
from kit.table import ConditionFailed, Row, Table, Transaction
from usage.domain.audit import Entry, Wanted, about_model, months

_BEYOND = "~"  # behind every character of an id


class AuditTable:
    """`ports.Audit`. `retention_days`: how long entries are kept; 0 = for ever."""

    def __init__(self, table: Table, clock: Clock, retention_days: int) -> None:
        self._table, self._clock, self._retention_days = table, clock, retention_days

    def record(self, entry: Entry) -> bool:
        """See `ports.Audit`."""
        transaction = Transaction()
        about = {"collection": entry.about, "sort_key": entry.event_id} if entry.about else {}
        where = _partition(entry.event_id), entry.event_id
        transaction.insert("entry", *where, vars(entry), **about, expires_at=self._expiry())
        with suppress(ConditionFailed):
            self._table.commit(transaction)
            return True
        return False

    def entries(self, wanted: Wanted, now: datetime, after: str | None) -> Iterator[Entry]:
        """See `ports.Audit`."""
        low, high = floor_of(wanted.begins), floor_of(wanted.until) if wanted.until else _BEYOND
        first = (high if wanted.until else None) if wanted.newest_first else low
        start = after or first
        rows = self._about(wanted.model_id, start, wanted) if wanted.model_id else self._all(start, wanted, now)
        for row in rows:
            if (row.sk < low) if wanted.newest_first else (row.sk >= high):
                return
            if low <= row.sk < high:
                yield Entry(**known(Entry, row.document))

    def _all(self, start: str | None, wanted: Wanted, now: datetime) -> Iterator[Row]:
        position = moment_of(start) if start else None
        latest = now + timedelta(days=1)  # clocks differ
        until = min(wanted.until or latest, latest)
        since, until = (wanted.begins, min(position or until, until)) if wanted.newest_first else (position or wanted.begins, until)
        for month in months(since, until, newest_first=wanted.newest_first):
            yield from self._table.query(f"AUDIT#{month}", after=start, forward=not wanted.newest_first)

    def _about(self, model_id: str, start: str | None, wanted: Wanted) -> Iterator[Row]:
        about = about_model(model_id)
        key = {"pk": _partition(start), "sk": start, "collection": about, "sort_key": start} if start else None
        yield from self._table.query_collection(about, after=key, forward=not wanted.newest_first)

    def _expiry(self) -> int | None:
        return int((self._clock.now() + timedelta(days=self._retention_days)).timestamp()) if self._retention_days else None


def _partition(event_id: str) -> str:
    moment = moment_of(event_id)
    if moment is None:
        raise Broken("event-malformed", f"{event_id} is no id of ours", "Only Slipway's own functions publish on this bus.")
    return f"AUDIT#{moment:%Y-%m}"
