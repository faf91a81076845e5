"""What the use cases need from outside."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from usage.domain.audit import Entry, Wanted


class Audit(Protocol):
    """Usage's own table."""

    def record(self, entry: Entry) -> bool:
        """Keep the entry; answers whether it was not there yet."""
        ...

    def entries(self, wanted: Wanted, now: datetime, after: str | None) -> Iterator[Entry]:
        """Entries of that time, about that model if one is named, in order, beyond the id `after`; other filters are not applied."""
        ...
