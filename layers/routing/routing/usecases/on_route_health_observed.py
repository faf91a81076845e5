"""A router saw what a target is worth: it takes traffic from now on, or leaves the route."""

from contracts.reports import RouteHealthObserved
from kit.envelope import Envelope
from kit.patience import Patience
from routing.domain.route import Change, Known, believe_failed, believe_ready
from routing.ports import RouteTable
from routing.usecases._changing import change_route


class OnRouteHealthObserved:
    """Answers whether the table changed. Several routers see the same: the first report counts, the others write nothing."""

    def __init__(self, table: RouteTable, patience: Patience) -> None:
        self._table, self._patience = table, patience

    def __call__(self, seen: RouteHealthObserved, envelope: Envelope) -> bool:
        """React to the event; `Transient` when others were always quicker."""
        if seen.observed == "progressing":
            return False

        def decide(known: Known) -> Change | None:
            if seen.observed == "ready":
                return believe_ready(known, seen.generation, seen.target_id)
            why = seen.failure.code if seen.failure else "unknown"
            return believe_failed(known, seen.generation, seen.target_id, why)

        return change_route(self._table, self._patience, envelope, seen.model_id, decide)
