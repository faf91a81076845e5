"""A model is gone: so is its route.

Trigger: bus rule on `ModelDeleted` of slipway.serving. Takes: the event. Emits: `RouteChanged` (removed), through the ledger.
On failure: delivered again four times within an hour, then the context's dead letters.
"""

from contracts.serving import ModelDeleted
from kit.door.event import event
from kit.envelope import Envelope
from routing import wiring


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    wiring.on_model_deleted()(ModelDeleted.receive(envelope.data), envelope)
