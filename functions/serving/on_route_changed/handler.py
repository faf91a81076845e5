"""A route has opened, closed or changed: an open one ends a creation, a closed one lets a deletion go on.

Trigger: bus rule on `RouteChanged` of slipway.routing. Takes: the event. Emits: nothing; wakes the machine that waited.
On failure: delivered again four times within an hour, then the context's dead letters.
"""

from contracts.notices import RouteMoved
from kit.door.event import event
from kit.envelope import Envelope
from serving.domain.change import Cause
from serving.domain.model import RouteView
from serving.wiring import reactions


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    told, metadata = RouteMoved.receive(envelope.data), envelope.metadata
    targets = [(target.target_id, target.status) for target in told.route.targets] if told.route else []
    seen = RouteView.of(told.state, told.revision, told.generation, targets)
    reactions.on_route_changed()(told.model_id, seen, Cause(metadata.actor, metadata.correlation_id, metadata.id, envelope.event_type))
