"""A model is gone: its row leaves the table."""

from contracts.serving import ModelDeleted
from kit.envelope import Envelope
from kit.patience import Patience
from routing.domain.route import drop
from routing.ports import RouteTable
from routing.usecases._changing import change_route, fact_of


class OnModelDeleted:
    """Answers whether the table changed. What ended the row is remembered, so that a late event cannot bring it back."""

    def __init__(self, table: RouteTable, patience: Patience) -> None:
        self._table, self._patience = table, patience

    def __call__(self, deleted: ModelDeleted, envelope: Envelope) -> bool:
        """React to the event; `Transient` when others were always quicker."""
        fact = fact_of(envelope, deleted)
        return change_route(self._table, self._patience, envelope, deleted.model_id, lambda known: drop(known, fact))
