"""The model's ECS service is made, and the machine waits until users reach it.

Trigger: a step of provision_model. Takes: operation_id, model_id, generation, task_token. Emits: nothing itself. Answers: the token is
answered when the route opens or the start fails.
On failure: the machine retries what may pass, and takes the way of failure for the rest.
"""

from typing import Any

from kit.door.step import step
from serving.usecases.steps import Order
from serving.wiring import steps


@step
def handler(message: dict[str, Any]) -> dict[str, Any]:
    """Carry the step out."""
    return dict(steps.launch_engine()(Order.parse(message)))
