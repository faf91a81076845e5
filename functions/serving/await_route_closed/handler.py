"""The machine waits until no router sends requests to the model any more.

Trigger: a step of retire_model. Takes: operation_id, model_id, generation, task_token. Emits: nothing. Answers: the token is answered
when the route closes.
On failure: the machine retries what may pass, and takes the way of failure for the rest.
"""

from typing import Any

from kit.door.step import step
from serving.usecases.steps import Order
from serving.wiring import steps


@step
def handler(message: dict[str, Any]) -> dict[str, Any]:
    """Carry the step out."""
    return dict(steps.await_route_closed()(Order.parse(message)))
