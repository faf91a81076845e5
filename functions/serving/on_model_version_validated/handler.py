"""The registry has found an artefact to be what it claims.

Trigger: bus rule on `ModelVersionValidated` of slipway.registry. Takes: the event. Emits: nothing; wakes the machine that waited.
On failure: delivered again four times within an hour, then the context's dead letters.
"""

from contracts.registry import ModelVersionValidated
from kit.door.event import event
from kit.envelope import Envelope
from serving.domain.change import Cause
from serving.domain.model import Verdict
from serving.wiring import reactions


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    told, metadata = ModelVersionValidated.receive(envelope.data), envelope.metadata
    verdict = Verdict(told.version, told.manifest_sha256, True, metadata.correlation_id)
    reactions.on_model_version_validated()(
        told.model_id, verdict, Cause(metadata.actor, metadata.correlation_id, metadata.id, envelope.event_type)
    )
