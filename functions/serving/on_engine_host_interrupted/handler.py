"""EC2 takes an instance back, or is likely to: copies on it are left early where others can take over.

Trigger: rule of the default bus on `EC2 Spot Instance Interruption Warning` and `EC2 Instance Rebalance Recommendation`, which name an
instance of the account and no cluster. Takes: EC2's own event. Emits: `CapacityChanged`, `ModelDegraded`.
On failure: delivered again four times within an hour, then the context's dead letters; ECS tells of the tasks themselves two minutes later.
"""

from typing import Any

from kit.door.event import raw_event
from serving.wiring import reactions


@raw_event
def handler(message: dict[str, Any]) -> None:
    """React to one event."""
    reactions.on_engine_host_interrupted()(message)
