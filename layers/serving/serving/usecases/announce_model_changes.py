"""What was recorded is told to the bus."""

from kit.row import Row
from serving.ports import Announcer


class AnnounceModelChanges:
    """One ledger row, one event."""

    def __init__(self, announcer: Announcer) -> None:
        self._announcer = announcer

    def __call__(self, row: Row) -> None:
        """Publish the row's event; `Transient` if the bus does not take it: the stream brings the row again."""
        self._announcer.announce(row)
