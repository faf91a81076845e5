"""A context has announced a fact of its ledger: it is kept for those who audit.

Trigger: bus rules on the facts of slipway.serving, slipway.registry and slipway.access. Takes: the event. Emits: nothing.
On failure: delivered again four times within an hour, then the context's dead letters; an event that comes twice is kept once.
"""

from kit.door.event import event
from kit.envelope import Envelope
from usage import wiring


@event
def handler(envelope: Envelope) -> None:
    """React to the event."""
    wiring.on_fact_announced()(envelope)
