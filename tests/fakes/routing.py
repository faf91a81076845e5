"""Routing's ports in memory."""

from dataclasses import dataclass

from kit.envelope import Cause
from kit.errors import Contended
from routing.domain.route import Change, Known, Route
from routing.ports import Snapshot


@dataclass(frozen=True)
class FakeSnapshot:
    """What the fake held at one revision."""

    revision: int
    known: Known


class FakeRouteTable:
    """A route table in a dictionary; `contended` commits are overtaken by somebody else's write first."""

    def __init__(self, contended: int = 0) -> None:
        self.revision = 0
        self.routes: dict[str, Route] = {}
        self.gone: dict[str, str] = {}
        self.changes: list[tuple[Change, Cause]] = []
        self.contended = contended

    def read(self, model_id: str) -> FakeSnapshot:
        """What is held now."""
        return FakeSnapshot(self.revision, Known(self.routes.get(model_id), self.gone.get(model_id)))

    def commit(self, snapshot: Snapshot, change: Change, cause: Cause) -> None:
        """Carry the change out."""
        assert isinstance(snapshot, FakeSnapshot)
        if self.contended:
            self.contended -= 1
            self.revision += 1
        if snapshot.revision != self.revision:
            raise Contended("condition-failed", "changed in the meantime")
        self.revision += 1
        if change.route is None:
            self.routes.pop(change.model_id, None)
        else:
            self.routes[change.model_id] = change.route
        if change.gone:
            self.gone[change.model_id] = change.gone
        self.changes.append((change, cause))
