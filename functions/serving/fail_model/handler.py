"""Where every failure of a machine ends: what was built is taken down, the operation settled.

Trigger: a step of provision_model and retire_model. Takes: operation_id, model_id, generation, error. Emits: `ModelFailed`. Answers:
`decision` is `settled`.
On failure: the machine retries what may pass, and takes the way of failure for the rest.
"""

from typing import Any

from kit.door.step import step
from serving.usecases.steps import Order
from serving.wiring import steps


@step
def handler(message: dict[str, Any]) -> dict[str, Any]:
    """Carry the step out."""
    return dict(steps.fail_model()(Order.parse(message)))
