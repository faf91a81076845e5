"""Stand-ins for usage's ports."""

from collections.abc import Iterator
from datetime import datetime

from kit.clock import parse
from usage.domain.audit import Entry, Wanted, about_model


class MemoryAudit:
    """An audit in memory, that says how many entries were looked at."""

    def __init__(self) -> None:
        self.kept: dict[str, Entry] = {}
        self.looked_at = 0

    def record(self, entry: Entry) -> bool:
        """See `ports.Audit`."""
        new = entry.event_id not in self.kept
        self.kept.setdefault(entry.event_id, entry)
        return new

    def entries(self, wanted: Wanted, now: datetime, after: str | None) -> Iterator[Entry]:
        """See `ports.Audit`."""
        for entry in sorted(self.kept.values(), key=lambda one: one.event_id, reverse=wanted.newest_first):
            beyond = after is None or (entry.event_id < after if wanted.newest_first else entry.event_id > after)
            within = wanted.begins <= parse(entry.occurred_at) < (wanted.until or now)
            named = wanted.model_id is None or entry.about == about_model(wanted.model_id)
            if beyond and within and named:
                self.looked_at += 1
                yield entry
