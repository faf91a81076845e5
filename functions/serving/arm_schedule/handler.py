"""A model was made, changed, has come or gone: its alarm is set, moved or removed, and what had to wait for an operation's end is done.

Trigger: bus rule on `ModelRequested`, `ModelUpdated`, `ModelInService`, `ModelStopped`, `ModelFailed` and `ModelDeletionRequested` of
slipway.serving. Takes: the event. Emits: `ModelRequested` or `ModelStopRequested`, through the ledger, where a boundary is due.
On failure: delivered again four times within an hour, then the context's dead letters; the sweep sets what was never set.
"""

from contracts.notices import ModelNamed
from kit.door.event import event
from kit.envelope import Envelope
from serving.wiring import reactions


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    reactions.arm_schedule()(ModelNamed.receive(envelope.data).model_id, envelope.metadata.id)
