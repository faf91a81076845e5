"""A model's wish has changed: the machine that carries it out is started.

Trigger: bus rule on `ModelUpdated` of slipway.serving. Takes: the event. Emits: nothing; starts an
execution named like the operation.
On failure: delivered again four times within an hour, then the context's dead letters; the sweep starts what was never started.
"""

from contracts.notices import OperationNamed
from kit.door.event import event
from kit.envelope import Envelope
from serving.wiring import reactions


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    reactions.on_model_updated()(OperationNamed.receive(envelope.data).operation_id)
