"""Last step of everything but a deletion: the model is in service, or stopped.

Trigger: a step of provision_model, update_model and stop_model. Takes: operation_id, model_id, generation.
Emits: `ModelInService` or `ModelStopped`. Answers: `decision` is `settled`.
On failure: the machine retries what may pass, and takes the way of failure for the rest.
"""

from typing import Any

from kit.door.step import step
from serving.usecases.steps import Order
from serving.wiring import steps


@step
def handler(message: dict[str, Any]) -> dict[str, Any]:
    """Carry the step out."""
    return dict(steps.settle_model()(Order.parse(message)))
