"""A command on a model was accepted: start the machine that carries it out."""

from serving.domain.operation import Goal
from serving.domain.waits import is_current
from serving.ports import Machines, Store


class BeginOperation:
    """The execution bears the operation's name, so that however often the event comes there is one."""

    def __init__(self, store: Store, machines: Machines) -> None:
        self._store, self._machines = store, machines

    def __call__(self, operation_id: str) -> None:
        """Nothing happens for an operation that has ended. What it supersedes is stopped first: it must not build what is taken down."""
        operation = self._store.operation(operation_id)
        if operation is None or not is_current(self._store.model(operation.model_id), operation):
            return
        if operation.supersedes:
            goal = operation.supersedes_goal or Goal.SERVE
            self._machines.stop(goal, operation.supersedes, f"superseded by {operation.operation_id}")
        self._machines.start(operation.goal, operation.execution, operation)
