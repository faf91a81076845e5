"""Somebody wants a model in service: the machine that sees to it is started.

Trigger: queue behind a bus rule on `ModelRequested` of slipway.serving. Takes: the event. Emits: nothing; starts an execution named
like the operation.
On failure: the message comes back, five times in all, then the context's dead letters; the sweep starts what was never started.
"""

from contracts.notices import OperationNamed
from kit.door.queue import queue
from kit.envelope import Envelope
from serving.wiring import reactions


@queue
def handler(envelope: Envelope) -> None:
    """React to one event."""
    reactions.on_model_requested()(OperationNamed.receive(envelope.data).operation_id)
