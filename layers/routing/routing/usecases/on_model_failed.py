"""An operation on a model failed for good and what it built is torn down: nobody shall be sent there."""

from contracts.serving import ModelFailed
from kit.envelope import Envelope
from kit.patience import Patience
from routing.domain.route import close_for_failure
from routing.ports import RouteTable
from routing.usecases._changing import change_route, fact_of


class OnModelFailed:
    """Answers whether the table changed; where there is no route, it is remembered that there shall be none."""

    def __init__(self, table: RouteTable, patience: Patience) -> None:
        self._table, self._patience = table, patience

    def __call__(self, failed: ModelFailed, envelope: Envelope) -> bool:
        """React to the event; `Transient` when others were always quicker."""
        fact = fact_of(envelope, failed)
        return change_route(
            self._table, self._patience, envelope, failed.model_id, lambda known: close_for_failure(known, fact, failed.failure.code)
        )
