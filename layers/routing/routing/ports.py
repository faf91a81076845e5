"""What routing needs of the world."""

from typing import Protocol

from kit.envelope import Cause
from kit.row import Row
from routing.domain.route import Change, Known


class Snapshot(Protocol):
    """What the route table held at one revision."""

    @property
    def known(self) -> Known:
        """What it held of the model."""
        ...


class RouteTable(Protocol):
    """The table that routers follow."""

    def read(self, model_id: str) -> Snapshot:
        """What the table holds of this model now."""
        ...

    def commit(self, snapshot: Snapshot, change: Change, cause: Cause) -> None:
        """Carry the change out and record `RouteChanged`, if the table is still at the snapshot's revision; `Contended` otherwise."""
        ...


class Announcer(Protocol):
    """Tells the bus what was recorded."""

    def announce(self, row: Row) -> None:
        """Publish one ledger row's event."""
        ...

    def announce_forgotten(self) -> int:
        """Publish what was recorded over a minute ago and never announced; answers how many."""
        ...
