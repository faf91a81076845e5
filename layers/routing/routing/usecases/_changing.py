"""The one way in which a use case changes the table: read, decide, commit; again if somebody else was quicker."""

from collections.abc import Callable

from kit.envelope import Envelope
from kit.patience import Patience
from routing.domain.route import Change, Fact, Known
from routing.ports import RouteTable

Decide = Callable[[Known], Change | None]


def fact_of(envelope: Envelope, model_id: str, generation: int) -> Fact:
    """Which fact the envelope brings."""
    return Fact(model_id, generation, envelope.metadata.id)


def change_route(table: RouteTable, patience: Patience, envelope: Envelope, model_id: str, decide: Decide) -> bool:
    """Change the model's route as `decide` says; answers whether anything was written. `Transient` when others were always quicker."""

    def attempt() -> bool:
        snapshot = table.read(model_id)
        change = decide(snapshot.known)
        if change is None:
            return False
        table.commit(snapshot, change, envelope.cause())
        return True

    return patience.persist(attempt)
