"""Copies of a model have come or gone: how long they run is what its answers cost.

Trigger: bus rule on `CapacityChanged` of slipway.serving. Takes: the event. Emits: nothing.
On failure: delivered again four times within an hour, then the context's dead letters; the next such fact names all copies again.
"""

from contracts.notices import CopiesCounted
from kit.clock import parse
from kit.door.event import event
from kit.envelope import Envelope
from usage import wiring


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    told = CopiesCounted.receive(envelope.data)
    accelerator = vars(told.model.accelerator) if told.model.accelerator else None
    versions = [copy.version for copy in told.targets]
    wiring.on_capacity_changed()(told.model_id, parse(envelope.metadata.occurred_at), versions, accelerator)
