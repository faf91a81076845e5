"""The one way in which a use case changes the table: read, decide, commit; again if somebody else was quicker."""

from collections.abc import Callable
from typing import Protocol

from kit.envelope import Envelope
from kit.patience import Patience
from routing.domain.route import Change, Fact, Known
from routing.ports import RouteTable

Decide = Callable[[Known], Change | None]


class About(Protocol):
    """What every event about a model says."""

    model_id: str
    generation: int
    revision: int | None


def fact_of(envelope: Envelope, told: About) -> Fact:
    """Which fact the envelope brings: ordered by serving's own revision, as ids come from the clocks of different machines.

    An event from before there were revisions is ordered by its id; `R` sorts behind every ULID, which begins with a digit.
    """
    return Fact(told.model_id, told.generation, envelope.metadata.id if told.revision is None else f"R{told.revision:012d}")


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
