"""Last step of a deletion: service and task definitions go, a tombstone and the ledger stay.

Trigger: a step of retire_model. Takes: operation_id, model_id, generation. Emits: `ModelDeleted`. Answers: `decision` is `settled`.
On failure: the machine retries what may pass, and takes the way of failure for the rest.
"""

from typing import Any

from kit.door.step import step
from serving.usecases.steps import Order
from serving.wiring import steps


@step
def handler(message: dict[str, Any]) -> dict[str, Any]:
    """Carry the step out."""
    return dict(steps.erase_model()(Order.parse(message)))
