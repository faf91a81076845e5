"""The machine waits until a router has had an answer from the third party.

Trigger: a step of provision_model. Takes: operation_id, model_id, generation, task_token. Emits: nothing. Answers: the token is
answered when the route opens or the probe fails.
On failure: the machine retries what may pass, and takes the way of failure for the rest.
"""

from typing import Any

from kit.door.step import step
from serving.usecases.steps import Order
from serving.wiring import steps


@step
def handler(message: dict[str, Any]) -> dict[str, Any]:
    """Carry the step out."""
    return dict(steps.open_provider_route()(Order.parse(message)))
