"""A model shall go: its route closes, and whoever waits for that is told.

Trigger: bus rule on `ModelDeletionRequested` of slipway.serving. Takes: the event.
Emits: `RouteChanged` (closed or removed), through the ledger.
On failure: delivered again four times within an hour, then the context's dead letters.
"""

from contracts.serving import ModelDeletionRequested
from kit.door.event import event
from kit.envelope import Envelope
from routing import wiring


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    wiring.on_model_deletion_requested()(ModelDeletionRequested.receive(envelope.data), envelope)
