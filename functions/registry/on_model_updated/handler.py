"""A hosted model's wish has changed: another version is written down and validated, or refused; its audience is kept.

Trigger: bus rule on `ModelUpdated` of slipway.serving, hosted. Takes: the event.
Emits: `ModelVersionPublished`, `ModelVersionValidated`, `ModelVersionRejected`, through the ledger.
On failure: delivered again four times within an hour, then the context's dead letters; trouble with S3 refuses no version.
"""

from contracts.serving import ModelUpdated
from kit.door.event import event
from kit.envelope import Envelope
from registry import wiring


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    wiring.on_model_updated()(ModelUpdated.receive(envelope.data), envelope)
