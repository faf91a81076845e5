"""A router tells of its load on a model: it is kept, and the number of copies follows it.

Trigger: queue behind a bus rule on `LoadObserved` of slipway.routing. Takes: the event. Emits: `CapacityChanged` with the decision, if the
count changes.
On failure: the message comes back, five times in all, then the context's dead letters; the router's next word replaces it in seconds.
"""

from contracts.reports import LoadObserved
from kit.door.queue import queue
from kit.envelope import Envelope
from serving.domain.scaling import Load
from serving.wiring import reactions


@queue
def handler(envelope: Envelope) -> None:
    """React to one event."""
    told, metadata = LoadObserved.receive(envelope.data), envelope.metadata
    load = Load(
        router_id=told.router_id,
        observed_at=told.observed_at,
        window_seconds=told.window_seconds,
        in_flight=told.in_flight,
        queued=told.queued,
        requests=told.requests,
        ready_targets=told.ready_targets,
        time_to_first_token_ms=told.time_to_first_token_ms,
        tokens_per_second=told.tokens_per_second,
    )
    reactions.on_load_observed()(told.model_id, load, told.last_request_at, metadata.correlation_id, metadata.id)
