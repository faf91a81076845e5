"""Stand-ins for the ports of the router."""

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router.feed import Change, Entry, Follower, SourceUnavailable
from router.log import Log
from router.metrics import Metrics
from router.routes import RouteTable
from router.state import StateDirectory


@dataclass
class Clock:
    """Seconds, moved by hand."""

    now: float = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def route(model_id: str = "tiny", revision: int = 1, **changes: Any) -> dict[str, Any]:
    """A route's document."""
    return {
        "model_id": model_id,
        "revision": revision,
        "generation": 1,
        "state": "open",
        "hosting": "hosted",
        "version": "1.0.0",
        "task": "chat",
        "created_at": "2026-01-01T00:00:00.000Z",
        "allowed_groups": ["research"],
        "targets": [target("one")],
    } | changes


def target(target_id: str, **changes: Any) -> dict[str, Any]:
    """A ready engine's row."""
    return {"target_id": target_id, "version": "1.0.0", "kind": "engine", "address": "10.0.0.1", "port": 8080, "status": "ready"} | changes


class FakeSource:
    """A feed in memory."""

    def __init__(self) -> None:
        self.revision = 0
        self.rows: dict[str, dict[str, Any] | None] = {}
        self.ledger: list[Change] = []
        self.dead = self.garbled = False
        self.full_reads = self.single_reads = 0

    def write(self, key: str, document: dict[str, Any] | None, *, reread: bool = False) -> None:
        """Change a row."""
        self.revision += 1
        if document is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = document
        self.ledger.append(Change(self.revision, key, None if reread else document, reread))

    def head(self) -> int:
        """See `feed.Source`."""
        if self.dead:
            raise SourceUnavailable("dead")
        if self.garbled:
            raise KeyError("revision")
        return self.revision

    def changes(self, after: int, up_to: int) -> list[Change]:
        """See `feed.Source`."""
        return [change for change in self.ledger if after < change.revision <= up_to]

    def entries(self) -> list[Entry]:
        """See `feed.Source`."""
        self.full_reads += 1
        return [Entry(key, document) for key, document in self.rows.items()]

    def entry(self, key: str) -> Entry | None:
        """See `feed.Source`."""
        self.single_reads += 1
        return Entry(key, self.rows[key]) if key in self.rows else None


class Followed:
    """A follower of a fake source, with what it needs."""

    def __init__(
        self, state: Path, source: FakeSource | None = None, store: Any = None, table: str = "routes-table", **options: Any
    ) -> None:
        self.source = source or FakeSource()
        self.store = RouteTable() if store is None else store
        self.metrics = Metrics()
        self.out = io.BytesIO()
        self.executor = ThreadPoolExecutor(1)
        self.alarms = 0
        self.follower = Follower(
            "routes",
            table,
            self.source,
            self.store,
            state=StateDirectory(state),
            executor=self.executor,
            metrics=self.metrics,
            log=Log(self.out),
            alarm=self._alarm,
            **options,
        )

    def _alarm(self) -> None:
        self.alarms += 1

    def refused(self, reason: str) -> float:
        """How many looks found a table that cannot be right, for this reason."""
        labels = {"feed": "routes", "reason": reason}
        return self.metrics.registry.get_sample_value("slipway_router_feed_refused_total", labels) or 0.0

    def poison(self) -> float:
        """How many rows were refused."""
        return self.metrics.registry.get_sample_value("slipway_router_feed_poison_rows_total", {"feed": "routes"}) or 0.0
