"""What routers saw decides which targets take traffic.

Trigger: bus rule on `RouteHealthObserved` of slipway.routing, ready or failed. Takes: the event. Emits: `RouteChanged`, through the ledger.
On failure: delivered again four times within an hour, then the context's dead letters.
"""

from contracts.reports import RouteHealthObserved
from kit.door.event import event
from kit.envelope import Envelope
from routing import wiring


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    wiring.on_route_health_observed()(RouteHealthObserved.receive(envelope.data), envelope)
