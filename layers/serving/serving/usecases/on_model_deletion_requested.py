"""Somebody wants a model gone: stop what works on it, start the machine that removes it."""

from serving.domain.operation import Goal
from serving.domain.waits import is_current
from serving.ports import Machines, Store


class OnModelDeletionRequested:
    """In that order: the superseded machine must not build what the new one has just looked for."""

    def __init__(self, store: Store, machines: Machines) -> None:
        self._store, self._machines = store, machines

    def __call__(self, operation_id: str) -> None:
        """Nothing happens for an operation that has ended."""
        operation = self._store.operation(operation_id)
        if operation is None or not is_current(self._store.model(operation.model_id), operation):
            return
        if operation.supersedes:
            self._machines.stop(Goal.SERVE, operation.supersedes, f"superseded by {operation.operation_id}")
        self._machines.start(operation.goal, operation.execution, operation)
