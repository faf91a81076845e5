"""ECS tells of a task of ours: copies that run are told to routing, starts that failed are counted.

Trigger: queue behind a rule of the default bus on `ECS Task State Change` of our cluster. Takes: ECS's own event. Emits:
`CapacityChanged`.
On failure: the message comes back, five times in all, then the context's dead letters; the sweep asks ECS itself.
"""

from typing import Any

from kit.door.queue import raw_queue
from serving.wiring import reactions


@raw_queue
def handler(message: dict[str, Any]) -> None:
    """React to one event."""
    reactions.on_engine_task_changed()(message["detail"], message["id"])
