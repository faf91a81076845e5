"""ECS tells of a service of ours: no place for its tasks, tasks that do not start, a deployment that it gives up.

Trigger: rule of the default bus on `ECS Service Action` and `ECS Deployment State Change` of our services. Takes: ECS's own event. Emits:
`ModelDegraded`, `ModelRecovered`; fails the start that waits, where ECS has given it up.
On failure: delivered again four times within an hour, then the context's dead letters; ECS repeats itself while it lasts.
"""

from typing import Any

from kit.door.event import raw_event
from serving.wiring import reactions


@raw_event
def handler(message: dict[str, Any]) -> None:
    """React to one event."""
    reactions.on_engine_service_changed()(message)
