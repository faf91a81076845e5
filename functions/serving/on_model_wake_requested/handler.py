"""A request has come for a model that sleeps: the model is started, once.

Trigger: queue behind a bus rule on `ModelWakeRequested` of slipway.routing. Takes: the event. Emits: `ModelRequested`, if the model sleeps.
On failure: the message comes back, five times in all, then the context's dead letters; routers ask again while requests wait.
"""

from contracts.reports import ModelWakeRequested
from kit.door.queue import queue
from kit.envelope import Envelope
from serving.wiring import reactions


@queue
def handler(envelope: Envelope) -> None:
    """React to one event."""
    told = ModelWakeRequested.receive(envelope.data)
    reactions.on_model_wake_requested()(told.model_id, told.generation, envelope.metadata.id)
