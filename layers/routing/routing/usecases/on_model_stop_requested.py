"""A model shall leave service for now: its route closes, or sleeps until somebody asks for it."""

from contracts.serving import ModelStopRequested
from kit.envelope import Envelope
from kit.patience import Patience
from routing.domain.route import stop
from routing.ports import RouteTable
from routing.usecases._changing import change_route, fact_of


class OnModelStopRequested:
    """Answers whether the table changed; every request is answered by exactly one `RouteChanged`."""

    def __init__(self, table: RouteTable, patience: Patience) -> None:
        self._table, self._patience = table, patience

    def __call__(self, requested: ModelStopRequested, envelope: Envelope) -> bool:
        """React to the event; `Transient` when others were always quicker."""
        fact, expected = fact_of(envelope, requested), requested.expected_start_seconds
        return change_route(
            self._table, self._patience, envelope, requested.model_id, lambda known: stop(known, fact, expected, asleep=requested.asleep)
        )
