"""The registry has found that an artefact must not be served.

Trigger: bus rule on `ModelVersionRejected` of slipway.registry. Takes: the event. Emits: nothing; wakes the machine that waited.
On failure: delivered again four times within an hour, then the context's dead letters.
"""

from contracts.registry import ModelVersionRejected
from kit.door.event import event
from kit.envelope import Envelope
from serving.domain.change import Cause
from serving.domain.model import Failure, Verdict
from serving.wiring import reactions


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    told, metadata = ModelVersionRejected.receive(envelope.data), envelope.metadata
    failure = Failure(told.failure.code, told.failure.message, told.failure.hint)
    verdict = Verdict(told.version, told.manifest_sha256, False, metadata.correlation_id, failure)
    reactions.on_model_version_rejected()(
        told.model_id, verdict, Cause(metadata.actor, metadata.correlation_id, metadata.id, envelope.event_type)
    )
