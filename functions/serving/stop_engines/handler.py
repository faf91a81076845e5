"""The engines are let end, and the machine waits for the last of them.

Trigger: a step of retire_model. Takes: operation_id, model_id, generation, task_token. Emits: nothing. Answers: the token is answered
by the last task that stops.
On failure: the machine retries what may pass, and takes the way of failure for the rest.
"""

from typing import Any

from kit.door.step import step
from serving.usecases.steps import Order
from serving.wiring import steps


@step
def handler(message: dict[str, Any]) -> dict[str, Any]:
    """Carry the step out."""
    return dict(steps.stop_engines()(Order.parse(message)))
