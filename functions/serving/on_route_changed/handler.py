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
    targets = told.route.targets if told.route else []
    ready, probing, draining = (
        tuple(one.target_id for one in targets if one.status == status) for status in ("ready", "probing", "draining")
    )
    known = tuple(one.target_id for one in targets if one.target_id in ready + probing)
    seen = RouteView(told.state, told.revision, told.generation, ready, known, draining)
    reactions.on_route_changed()(told.model_id, seen, Cause(metadata.actor, metadata.correlation_id, metadata.id, envelope.event_type))
