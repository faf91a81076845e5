"""First step of bringing a model into service: the operation is taken up.

Trigger: a step of provision_model. Takes: operation_id, model_id, generation. Emits: nothing. Answers: `decision` is `hosted` or
`provider`.
On failure: the machine retries what may pass, and takes the way of failure for the rest.
"""

from typing import Any

from kit.door.step import step
from serving.usecases.steps import Order
from serving.wiring import steps


@step
def handler(message: dict[str, Any]) -> dict[str, Any]:
    """Carry the step out."""
    return dict(steps.prepare_model()(Order.parse(message)))
