"""Copies of a model have come or gone: how long they run is what its answers cost.

Trigger: bus rule on `CapacityChanged` of slipway.serving. Takes: the event. Emits: nothing.
On failure: delivered again four times within an hour, then the context's dead letters; the next such fact names all copies again.
"""

from contracts.serving import CapacityChanged
from kit.door.event import event
from kit.envelope import Envelope
from usage import wiring


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    told = CapacityChanged.receive(envelope.data)
    accelerator = getattr(told.model, "accelerator", None)  # third parties' models have none, and no copies
    versions = [copy.version for copy in told.targets]
    wiring.on_capacity_changed()(told.model_id, envelope.metadata.occurred_at, versions, accelerator.document() if accelerator else None)
