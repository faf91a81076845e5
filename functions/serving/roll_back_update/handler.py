"""An update has failed: what ran before runs again.

Trigger: a step of update_model. Takes: operation_id, model_id, generation, error.
Emits: `ModelUpdated` with `rolled_back`, `CapacityChanged`, or `ModelFailed`.
Answers: `decision` is `settled`, or `relaunch` where the former copies have to be started anew.
On failure: the machine retries what may pass, and takes the way of failure for the rest.
"""

from typing import Any

from kit.door.step import step
from serving.usecases.steps import Order
from serving.wiring import steps


@step
def handler(message: dict[str, Any]) -> dict[str, Any]:
    """Carry the step out."""
    return dict(steps.roll_back_update()(Order.parse(message)))
