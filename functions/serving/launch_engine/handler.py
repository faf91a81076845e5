"""The model's ECS service is made, and the machine waits until users reach it.

Trigger: a step of provision_model. Takes: operation_id, model_id, generation, task_token. Emits: nothing itself. Answers: the token is
answered when the route opens or the start fails.
On failure: the machine retries what may pass, and takes the way of failure for the rest.
"""

from typing import Any

from kit.door import step
from serving import wiring
from serving.usecases.steps import Order


@step
def handler(message: dict[str, Any]) -> dict[str, Any]:
    """Carry the step out."""
    return dict(wiring.launch_engine()(Order.parse(message)))
