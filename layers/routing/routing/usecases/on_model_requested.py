"""A provider's model is wanted: offer its one target to the routers, to be probed."""

from contracts.model import ProviderModel
from contracts.serving import ModelRequested
from kit.envelope import Envelope
from kit.patience import Patience
from routing.domain.route import offer_provider
from routing.ports import RouteTable
from routing.usecases._about import about
from routing.usecases._changing import change_route, fact_of


class OnModelRequested:
    """Answers whether the table changed. A hosted model gets its route from its capacity, later."""

    def __init__(self, table: RouteTable, patience: Patience) -> None:
        self._table, self._patience = table, patience

    def __call__(self, requested: ModelRequested, envelope: Envelope) -> bool:
        """React to the event; `Transient` when others were always quicker."""
        if not isinstance(requested.model, ProviderModel):
            return False
        fact = fact_of(envelope, requested)
        provider = requested.model.provider.document()
        described = about(requested.model, requested.version, envelope.metadata.occurred_at)
        return change_route(
            self._table,
            self._patience,
            envelope,
            requested.model_id,
            lambda known: offer_provider(known, fact, described, provider, requested.version),
        )
