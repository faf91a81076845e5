"""A model's copies come and go; so do the targets of its route.

Trigger: bus rule on `CapacityChanged` of slipway.serving. Takes: the event. Emits: `RouteChanged`, through the ledger.
On failure: delivered again four times within an hour, then the context's dead letters.
"""

from contracts.serving import CapacityChanged
from kit.door.event import event
from kit.envelope import Envelope
from routing import wiring


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    wiring.on_capacity_changed()(CapacityChanged.receive(envelope.data), envelope)
