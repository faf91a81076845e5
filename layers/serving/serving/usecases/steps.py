"""What all steps of a state machine have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kit.errors import Broken, Conflict
from serving.domain.change import Cause
from serving.domain.model import Model
from serving.domain.operation import Operation
from serving.domain.waits import is_current
from serving.ports import Store

WAITING = {"decision": "waiting"}
SETTLED = {"decision": "settled"}


@dataclass(frozen=True)
class Order:
    """What a machine hands to a step. `entered` tells one entry of a state from the next; a repeated delivery bears the same."""

    operation_id: str
    model_id: str
    generation: int
    task_token: str = ""
    error: Mapping[str, Any] | None = None
    entered: str = ""

    @classmethod
    def parse(cls, message: Mapping[str, Any]) -> "Order":
        """The order in a step's input; Broken if it is none."""
        try:
            return cls(
                str(message["operation_id"]),
                str(message["model_id"]),
                int(message["generation"]),
                str(message.get("task_token", "")),
                message.get("error"),
                str(message.get("entered", "")),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Broken(
                "order-malformed", f"the step's input lacks {error}", "Compare the machine's Parameters with usecases/steps.py."
            ) from error


def load(store: Store, order: Order) -> tuple[Model, Operation]:
    """Model and operation of an order, current or not."""
    operation = store.operation(order.operation_id)
    model = store.model(order.model_id)
    if operation is None or model is None:
        raise Broken("operation-unknown", f"no row of operation {order.operation_id} on model {order.model_id}")
    return model, operation


def load_current(store: Store, order: Order) -> tuple[Model, Operation]:
    """The same, where the operation still decides over the model; Conflict, which ends the machine, where it does not."""
    model, operation = load(store, order)
    if not is_current(model, operation):
        raise Conflict("operation-superseded", f"operation {order.operation_id} no longer decides over {order.model_id}")
    return model, operation


def cause_of(model: Model, operation: Operation) -> Cause:
    """Why the facts of a step come to be: the person who asked, the operation, the last event that moved it."""
    return Cause(operation.created_by, operation.operation_id, model.caused_by, model.caused_by_type)
