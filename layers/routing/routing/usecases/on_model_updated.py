"""A model's wish has changed: routers shall know at once what does not depend on where it runs, and try another provider."""

from contracts.serving import ModelUpdated
from kit.envelope import Envelope
from kit.patience import Patience
from routing.domain.route import Change, Known, update
from routing.ports import RouteTable
from routing.usecases._about import about, provider_of
from routing.usecases._changing import change_route, fact_of


class OnModelUpdated:
    """Answers whether the table changed. Other containers are told of by `CapacityChanged`, and so is the version that they serve."""

    def __init__(self, table: RouteTable, patience: Patience) -> None:
        self._table, self._patience = table, patience

    def __call__(self, updated: ModelUpdated, envelope: Envelope) -> bool:
        """React to the event; `Transient` when others were always quicker."""
        fact, model = fact_of(envelope, updated), updated.model
        provider = provider_of(model)

        def decide(known: Known) -> Change | None:
            before = known.route.about if known.route else {}
            served = str(before.get("version") or model.version) if provider is None else model.version
            described = about(model, served, str(before.get("created_at") or envelope.metadata.occurred_at))
            return update(known, fact, described, provider, model.version)

        return change_route(self._table, self._patience, envelope, updated.model_id, decide)
