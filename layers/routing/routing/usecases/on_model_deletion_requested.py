"""A model shall go: close its route, and say so even if there was none."""

from contracts.serving import ModelDeletionRequested
from kit.envelope import Envelope
from kit.patience import Patience
from routing.domain.route import close_for_deletion
from routing.ports import RouteTable
from routing.usecases._changing import change_route, fact_of


class OnModelDeletionRequested:
    """Answers whether the table changed; every request is answered by exactly one `RouteChanged`."""

    def __init__(self, table: RouteTable, patience: Patience) -> None:
        self._table, self._patience = table, patience

    def __call__(self, requested: ModelDeletionRequested, envelope: Envelope) -> bool:
        """React to the event; `Transient` when others were always quicker."""
        fact = fact_of(envelope, requested)
        return change_route(self._table, self._patience, envelope, requested.model_id, lambda known: close_for_deletion(known, fact))
