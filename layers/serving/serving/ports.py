"""What the use cases need from outside."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kit.caller import Command
from kit.row import Row
from serving.domain.change import Cause, Change
from serving.domain.model import Failure, Model
from serving.domain.operation import Goal, Operation, Wait
from serving.domain.tasks import TaskObservation


@dataclass(frozen=True)
class Remembered:
    """A command and the answer to it, to be written with what the command changes."""

    command: Command
    answer: Mapping[str, Any]


@dataclass(frozen=True)
class LedgerEntry:
    """One row of a model's ledger, as it was written."""

    revision: int
    document: Mapping[str, Any]


class Store(Protocol):
    """Serving's own table. `Contended` from `commit` means: read again and decide anew."""

    def model(self, model_id: str) -> Model | None:
        """The model or its tombstone, as of now."""
        ...

    def operation(self, operation_id: str) -> Operation | None:
        """The operation, as of now."""
        ...

    def wait(self, operation_id: str, model_id: str) -> Wait | None:
        """The operation's wait, if its machine waits."""
        ...

    def task_version(self, model_id: str, task_id: str) -> int | None:
        """The version last seen of a task, None if it was never seen."""
        ...

    def forget_observations(self, model_id: str) -> None:
        """Delete the rows of a model's tasks."""
        ...

    def owner_of(self, service: str) -> tuple[str, int] | None:
        """The model id and generation that an ECS service was made for."""
        ...

    def answer(self, command: Command) -> dict[str, Any] | None:
        """The answer given to this command before; `Conflict` if its key came with another one."""
        ...

    def commit(self, change: Change, cause: Cause, remembered: Remembered | None = None) -> None:
        """Write all of it or nothing."""
        ...

    def models(self, *, prefix: str, after: str | None, forward: bool) -> Iterator[Model]:
        """Living models whose ids begin so, by id, beyond `after`; a moment old."""
        ...

    def running_operations(self) -> Iterator[Operation]:
        """Operations that have not ended, by deadline, read anew."""
        ...

    def ledger(self, model_id: str, *, after: int | None, limit: int, forward: bool) -> list[LedgerEntry]:
        """Rows of a model's ledger in order of revision, beyond `after` in that direction."""
        ...


class Machines(Protocol):
    """The state machines that carry operations out."""

    def start(self, goal: Goal, execution: str, operation: Operation) -> None:
        """Start an execution under that name; one that bears it already, running or ended, is that execution."""
        ...

    def stop(self, goal: Goal, execution: str, reason: str) -> None:
        """End an execution; one that has ended, or never was, counts as stopped."""
        ...

    def is_running(self, goal: Goal, execution: str) -> bool | None:
        """Whether the execution runs; None if there is none of that name."""
        ...

    def succeed(self, wait: Wait) -> None:
        """Wake a waiting task. A token that nobody waits for any more is no error (in all three)."""
        ...

    def fail(self, wait: Wait, failure: Failure) -> None:
        """Let a waiting task fail with this cause."""
        ...

    def beat(self, wait: Wait) -> None:
        """Say that there is progress."""
        ...


class Engines(Protocol):
    """ECS services, one per model version."""

    def stop(self, service: str) -> None:
        """Let all its tasks end; a service that is gone counts as stopped."""
        ...

    def remove(self, service: str) -> None:
        """Delete the service with all its tasks and task definitions; what is gone counts as removed."""
        ...

    def tasks_left(self, service: str) -> int:
        """How many of its tasks run or are about to."""
        ...

    def tasks(self, service: str, generation: int, known: Sequence[str]) -> list[TaskObservation]:
        """A look at each of its tasks, and at the `known` ones; a known one that ECS has forgotten has stopped."""
        ...

    def services(self) -> Iterator[str]:
        """Names of all services of this environment."""
        ...


class Launcher(Engines, Protocol):
    """The same for the one function that may make services."""

    def launch(self, service: str, model: Model) -> None:
        """Make the service, or adopt the one of that name. `Refused` for what ECS will never take."""
        ...


class AddressGuard(Protocol):
    """Keeps third parties' addresses out of private networks."""

    def refusal(self, address: str) -> str | None:
        """Why an `api_base` must not be called; None if it may."""
        ...


class Announcer(Protocol):
    """Puts what the ledger holds on the bus."""

    def announce(self, row: Row) -> None:
        """Announce one ledger row, at least once."""
        ...

    def announce_forgotten(self) -> int:
        """Announce facts that were never announced; answers how many."""
        ...
