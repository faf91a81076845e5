"""An update begins: one that brings another artefact waits until that has been found to be what it claims.

Trigger: a step of update_model. Takes: operation_id, model_id, generation. Emits: nothing.
Answers: `decision` is `waiting`; the token's answer says which way the update takes.
On failure: the machine retries what may pass, and takes the way of failure for the rest.
"""

from typing import Any

from kit.door.step import step
from serving.usecases.steps import Order
from serving.wiring import steps


@step
def handler(message: dict[str, Any]) -> dict[str, Any]:
    """Carry the step out."""
    return dict(steps.prepare_update()(Order.parse(message)))
