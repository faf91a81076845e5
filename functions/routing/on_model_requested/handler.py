"""A third party's model is offered to the routers.

Trigger: bus rule on `ModelRequested` of slipway.serving, provider hosting. Takes: the event.
Emits: `RouteChanged` (probing), through the ledger.
On failure: delivered again four times within an hour, then the context's dead letters.
"""

from contracts.serving import ModelRequested
from kit.door.event import event
from kit.envelope import Envelope
from routing import wiring


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    wiring.on_model_requested()(ModelRequested.receive(envelope.data), envelope)
