"""A model shall leave service: its route closes, or sleeps until somebody asks for it.

Trigger: bus rule on `ModelStopRequested` of slipway.serving. Takes: the event.
Emits: `RouteChanged` (closed, asleep or removed), through the ledger; all targets drain.
On failure: delivered again four times within an hour, then the context's dead letters.
"""

from contracts.serving import ModelStopRequested
from kit.door.event import event
from kit.envelope import Envelope
from routing import wiring


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    wiring.on_model_stop_requested()(ModelStopRequested.receive(envelope.data), envelope)
