"""A model's alarm rings: what its schedule wants by now is done, and the next alarm set.

Trigger: a one-time schedule of EventBridge Scheduler, set by this function, arm_schedule or the sweep. Takes: model_id, generation.
Emits: `ModelRequested` or `ModelStopRequested`, through the ledger. Answers: what was done.
On failure: Lambda tries twice more, then the context's dead letters; the sweep does within a minute what was not done.
"""

from collections.abc import Mapping
from typing import Any

from kit.door.schedule import alarm
from serving.wiring import reactions


@alarm
def handler(message: dict[str, Any]) -> Mapping[str, Any]:
    """Act on one model's schedule."""
    return reactions.apply_schedule()(str(message["model_id"]))
