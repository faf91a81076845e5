"""A model failed for good: nobody is sent there any more.

Trigger: bus rule on `ModelFailed` of slipway.serving. Takes: the event. Emits: `RouteChanged` (closed), through the ledger.
On failure: delivered again four times within an hour, then the context's dead letters.
"""

from contracts.serving import ModelFailed
from kit.door.event import event
from kit.envelope import Envelope
from routing import wiring


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    wiring.on_model_failed()(ModelFailed.receive(envelope.data), envelope)
