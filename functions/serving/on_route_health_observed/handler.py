"""A router has looked at a target: progress keeps the waiting machine patient; one that failed for good counts, and is replaced.

Trigger: bus rule on `RouteHealthObserved` of slipway.routing. Takes: the event. Emits: CapacityChanged where a copy is to be replaced, and
asks ECS to end it; may wake the machine that waits.
On failure: delivered again four times within an hour, then the context's dead letters.
"""

from contracts.reports import RouteHealthObserved
from kit.door.event import event
from kit.envelope import Envelope
from serving.domain.change import Cause
from serving.domain.model import Failure
from serving.usecases.on_route_health_observed import Sighting
from serving.wiring import reactions


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    told, metadata = RouteHealthObserved.receive(envelope.data), envelope.metadata
    failure = Failure(told.failure.code, told.failure.message, told.failure.hint) if told.failure else None
    seen = Sighting(told.model_id, told.generation, told.target_id, told.observed, told.phase, told.progress, failure)
    reactions.on_route_health_observed()(seen, Cause(metadata.actor, metadata.correlation_id, metadata.id, envelope.event_type))
