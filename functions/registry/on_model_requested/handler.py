"""A hosted model is wanted: its version is written down and validated, or refused.

Trigger: bus rule on `ModelRequested` of slipway.serving, hosted. Takes: the event.
Emits: `ModelVersionPublished`, `ModelVersionValidated`, `ModelVersionRejected`, through the ledger.
On failure: delivered again four times within an hour, then the context's dead letters; trouble with S3 refuses no version.
"""

from contracts.serving import ModelRequested
from kit.door.event import event
from kit.envelope import Envelope
from registry import wiring


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    wiring.on_model_requested()(ModelRequested.receive(envelope.data), envelope)
