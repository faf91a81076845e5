"""A model has fallen asleep: it is started again if a request came while its engines ended.

Trigger: bus rule on `ModelStopped` of slipway.serving with `asleep`. Takes: the event. Emits: `ModelRequested`, if somebody asked.
On failure: delivered again four times within an hour, then the context's dead letters; the sweep looks once a minute.
"""

from contracts.notices import ModelNamed
from kit.door.event import event
from kit.envelope import Envelope
from serving.wiring import reactions


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    reactions.on_model_stopped()(ModelNamed.receive(envelope.data).model_id, envelope.metadata.id)
