"""A model's wish has changed; routers learn at once what needs no other container.

Trigger: bus rule on `ModelUpdated` of slipway.serving. Takes: the event.
Emits: `RouteChanged` with the update's generation, through the ledger; targets stay as ready as they were.
On failure: delivered again four times within an hour, then the context's dead letters.
"""

from contracts.serving import ModelUpdated
from kit.door.event import event
from kit.envelope import Envelope
from routing import wiring


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    wiring.on_model_updated()(ModelUpdated.receive(envelope.data), envelope)
