"""A router has sent what was used: it is added to the day's sums, once for each batch.

Trigger: the queue that routers write to. Takes: batches (`contracts.usage.UsageBatch`). Emits: `UsageRecorded` for each model and version.
On failure: the batch comes back, five times in all, then the context's dead letters; one that comes twice counts once.
"""

from typing import Any

from contracts.usage import UsageBatch
from kit.door.queue import raw_queue
from usage import wiring
from usage.domain.rollup import Used


@raw_queue
def handler(message: dict[str, Any]) -> None:
    """Take in one batch."""
    batch = UsageBatch.receive(message)
    wiring.on_usage_reported()(batch.id, batch.router_id, [Used(**vars(row)) for row in batch.rows])
