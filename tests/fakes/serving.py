"""Stand-ins for serving's ports."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kit.caller import Command
from serving.domain.change import Cause, Change
from serving.domain.model import Failure, Model
from serving.domain.operation import Goal, Operation, Wait
from serving.domain.tasks import TaskObservation
from serving.domain.traffic import Traffic
from serving.ports import LedgerEntry, Remembered, Store, Traffics


class OvertakenStore:
    """A store of which somebody else makes use just before our commit, as often as `times`: then it is as any other."""

    def __init__(self, store: Store, overtake: Callable[[], Any], times: int = 1) -> None:
        self._store, self._overtake, self.times = store, overtake, times
        self.commits = 0

    def commit(self, change: Change, cause: Cause, remembered: Remembered | None = None) -> None:
        """See `ports.Store`."""
        self.commits += 1
        if self.times:
            self.times -= 1
            self._overtake()
        self._store.commit(change, cause, remembered)

    def model(self, model_id: str) -> Model | None:
        """See `ports.Store`."""
        return self._store.model(model_id)

    def holder(self, name: str) -> str | None:
        """See `ports.Store`."""
        return self._store.holder(name)

    def operation(self, operation_id: str) -> Operation | None:
        """See `ports.Store`."""
        return self._store.operation(operation_id)

    def wait(self, operation_id: str, model_id: str) -> Wait | None:
        """See `ports.Store`."""
        return self._store.wait(operation_id, model_id)

    def task_version(self, model_id: str, task_id: str) -> int | None:
        """See `ports.Store`."""
        return self._store.task_version(model_id, task_id)

    def forget_observations(self, model_id: str) -> None:
        """See `ports.Store`."""
        self._store.forget_observations(model_id)

    def owner_of(self, service: str) -> tuple[str, int] | None:
        """See `ports.Store`."""
        return self._store.owner_of(service)

    def answer(self, command: Command) -> dict[str, Any] | None:
        """See `ports.Store`."""
        return self._store.answer(command)

    def models(self, *, prefix: str, after: str | None, forward: bool) -> Iterator[Model]:
        """See `ports.Store`."""
        return self._store.models(prefix=prefix, after=after, forward=forward)

    def running_operations(self) -> Iterator[Operation]:
        """See `ports.Store`."""
        return self._store.running_operations()

    def ledger(self, model_id: str, *, after: int | None, limit: int, forward: bool) -> list[LedgerEntry]:
        """See `ports.Store`."""
        return self._store.ledger(model_id, after=after, limit=limit, forward=forward)


class RecordingMachines:
    """State machines that do nothing and remember what they were told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def start(self, goal: Goal, execution: str, operation: Operation) -> None:
        """See `ports.Machines`."""
        del operation
        self.told.append((f"start {goal}", execution))

    def stop(self, goal: Goal, execution: str, reason: str) -> None:
        """See `ports.Machines`."""
        del reason
        self.told.append((f"stop {goal}", execution))

    def is_running(self, goal: Goal, execution: str) -> bool | None:
        """See `ports.Machines`."""
        return (f"start {goal}", execution) in self.told or None

    def succeed(self, wait: Wait, decision: str) -> None:
        """See `ports.Machines`."""
        del decision
        self.told.append(("succeed", wait.token))

    def fail(self, wait: Wait, failure: Failure) -> None:
        """See `ports.Machines`."""
        self.told.append((f"fail {failure.code}", wait.token))

    def beat(self, wait: Wait) -> None:
        """See `ports.Machines`."""
        self.told.append(("beat", wait.token))


class RecordingEngines:
    """ECS in a dictionary: how many tasks each service has. `while_launching` happens inside a launch."""

    def __init__(self, while_launching: Callable[[], Any] | None = None) -> None:
        self.running: dict[str, int] = {}
        self.ended: list[str] = []
        self._while_launching = while_launching

    def launch(self, service: str, model: Model) -> None:
        """See `ports.Engines`."""
        if self._while_launching:
            self._while_launching()
        self.running.setdefault(service, model.desired)

    def scale(self, service: str, desired: int) -> None:
        """See `ports.Engines`."""
        if service in self.running:
            self.running[service] = desired

    def desired(self, service: str) -> int | None:
        """See `ports.Engines`."""
        return self.running.get(service)

    def stop(self, service: str) -> None:
        """See `ports.Engines`."""
        if service in self.running:
            self.running[service] = 0

    def end(self, task_id: str, reason: str) -> None:
        """See `ports.Endings`."""
        del reason
        self.ended.append(task_id)

    def remove(self, service: str) -> None:
        """See `ports.Engines`."""
        self.running.pop(service, None)

    def tasks_left(self, service: str) -> int:
        """See `ports.Engines`."""
        return self.running.get(service, 0)

    def tasks(self, service: str, generation: int, known: Sequence[str]) -> list[TaskObservation]:
        """See `ports.Engines`; ECS knows none any more."""
        return []

    def services(self) -> Iterator[str]:
        """See `ports.Engines`."""
        return iter(list(self.running))


class OvertakenTraffics:
    """What is known of traffic, where something happens just before our first write."""

    def __init__(self, traffics: Traffics, overtake: Callable[[], Any]) -> None:
        self._traffics, self._overtake = traffics, overtake
        self._overtaken = False

    def read(self, model_id: str) -> Traffic | None:
        """See `ports.Traffics`."""
        return self._traffics.read(model_id)

    def keep(self, known: Traffic) -> None:
        """See `ports.Traffics`."""
        if not self._overtaken:
            self._overtaken = True
            self._overtake()
        self._traffics.keep(known)
