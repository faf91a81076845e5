"""What routers have found spent is told to the bus."""

from access.ports import Announcer
from kit.row import Row


class AnnounceSpendChanges:
    """One ledger row, one event."""

    def __init__(self, announcer: Announcer) -> None:
        self._announcer = announcer

    def __call__(self, row: Row) -> None:
        """Publish the row's event; `Transient` if the bus does not take it."""
        self._announcer.announce(row)
