"""A model's copies have changed: routers shall probe the new ones and let go of the old."""

from collections.abc import Mapping
from typing import Any

from contracts.model import HostedModel
from contracts.serving import CapacityChanged
from contracts.serving import Target as Copy
from kit.envelope import Envelope
from kit.patience import Patience
from routing.domain.route import Capacity, Change, Known, Target, follow_capacity
from routing.ports import RouteTable
from routing.usecases._about import about
from routing.usecases._changing import change_route, fact_of


class OnCapacityChanged:
    """Answers whether the table changed: events of an older generation, or older than what is known, do not change it."""

    def __init__(self, table: RouteTable, patience: Patience) -> None:
        self._table, self._patience = table, patience

    def __call__(self, changed: CapacityChanged, envelope: Envelope) -> bool:
        """React to the event; `Transient` when others were always quicker."""
        fact = fact_of(envelope, changed)
        engine_kind = changed.model.engine.kind if isinstance(changed.model, HostedModel) else None
        capacity = Capacity(changed.desired, tuple(_target(copy, engine_kind) for copy in changed.targets))

        def decide(known: Known) -> Change | None:
            created_at = _created_at(known.route.about if known.route else {}, envelope.metadata.occurred_at)
            return follow_capacity(known, fact, about(changed.model, changed.version, created_at), capacity, changed.reason)

        return change_route(self._table, self._patience, envelope, changed.model_id, decide)


def _target(copy: Copy, engine_kind: str | None) -> Target:
    """A copy that starts is probed like one that runs: what matters is when it answers, which no status tells."""
    status: Any = "draining" if copy.status == "stopping" else "probing"
    return Target(copy.target_id, copy.version, "engine", status, copy.address, copy.port, engine_kind)


def _created_at(about_before: Mapping[str, Any], now: str) -> str:
    return str(about_before.get("created_at") or now)
