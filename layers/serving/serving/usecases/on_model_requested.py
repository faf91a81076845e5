"""Somebody wants a model in service: start the machine that sees to it."""

from serving.domain.waits import is_current
from serving.ports import Machines, Store


class OnModelRequested:
    """The execution bears the operation's name, so that however often the event comes there is one."""

    def __init__(self, store: Store, machines: Machines) -> None:
        self._store, self._machines = store, machines

    def __call__(self, operation_id: str) -> None:
        """Nothing happens for an operation that has ended."""
        operation = self._store.operation(operation_id)
        if operation and is_current(self._store.model(operation.model_id), operation):
            self._machines.start(operation.goal, operation.execution, operation)
