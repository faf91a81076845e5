"""A change that restarts nothing takes effect: waits until routers follow it and as many copies run as are wanted.

Trigger: a step of update_model. Takes: operation_id, model_id, generation. Emits: nothing.
Answers: `decision` is `waiting`.
On failure: the machine retries what may pass, and takes the way of failure for the rest.
"""

from typing import Any

from kit.door.step import step
from serving.usecases.steps import Order
from serving.wiring import steps


@step
def handler(message: dict[str, Any]) -> dict[str, Any]:
    """Carry the step out."""
    return dict(steps.apply_change()(Order.parse(message)))
