"""What routing needs of the world."""

from collections.abc import Mapping
from typing import Any, Protocol

from kit.caller import Command
from kit.envelope import Cause
from kit.row import Row
from routing.domain.route import Change, Known


class Snapshot(Protocol):
    """What the route table held at one revision."""

    @property
    def revision(self) -> int:
        """Which one."""
        ...

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


class TrafficTable(RouteTable, Protocol):
    """The same for people's commands, each of which is carried out once."""

    def answer(self, command: Command) -> dict[str, Any] | None:
        """What this command was answered before; `Conflict` if its key was used for another."""
        ...

    def obey(self, snapshot: Snapshot, change: Change, cause: Cause, command: Command, answer: Mapping[str, Any]) -> None:
        """Commit, and remember the answer in the same transaction."""
        ...


class Announcer(Protocol):
    """Tells the bus what was recorded."""

    def announce(self, row: Row) -> None:
        """Publish one ledger row's event."""
        ...

    def announce_forgotten(self) -> int:
        """Publish what was recorded over a minute ago and never announced; answers how many."""
        ...
