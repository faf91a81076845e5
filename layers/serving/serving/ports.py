"""What the use cases need from outside."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from kit.caller import Command
from kit.row import Row
from serving.domain.agenda import Agenda
from serving.domain.change import Cause, Change
from serving.domain.facts import ModelFacts, Unread
from serving.domain.instances import Offer
from serving.domain.model import Failure, Model, Spec
from serving.domain.operation import Goal, Operation, Wait
from serving.domain.stock import Stock
from serving.domain.tasks import TaskObservation
from serving.domain.traffic import Traffic


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

    def holder(self, name: str) -> str | None:
        """The id of the living model whose id or alias this is."""
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
        """Delete the rows of a model's tasks and of its traffic."""
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


class Traffics(Protocol):
    """What is known of models' traffic. `Contended` from `keep` means: read again and decide anew."""

    def read(self, model_id: str) -> Traffic | None:
        """What is known now; None if nothing was ever heard."""
        ...

    def keep(self, known: Traffic) -> None:
        """Write it, if what is there is of the edition before."""
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

    def succeed(self, wait: Wait, decision: str) -> None:
        """Wake a waiting task, which answers `decision`. A token that nobody waits for any more is no error (in all three)."""
        ...

    def fail(self, wait: Wait, failure: Failure) -> None:
        """Let a waiting task fail with this cause."""
        ...

    def beat(self, wait: Wait) -> None:
        """Say that there is progress."""
        ...


class Endings(Protocol):
    """For those who only end single tasks."""

    def end(self, task_id: str, reason: str) -> None:
        """Let one task end; its service starts another. One that is ending, or gone, counts as ended."""
        ...


class Engines(Endings, Protocol):
    """ECS services, one per model version."""

    def scale(self, service: str, desired: int) -> None:
        """Let so many tasks of it run; a service that is gone stays gone."""
        ...

    def desired(self, service: str) -> int | None:
        """How many tasks of it shall run, as ECS has it; None if it is gone, or going."""
        ...

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
        """A look at each of its tasks, and at the `known` ones; of one that ECS does not know, or not yet, there is none."""
        ...

    def services(self) -> Iterator[str]:
        """Names of all services of this environment."""
        ...


class Services(Protocol):
    """What ECS tells of its services and of the hosts under their tasks, when asked."""

    def words(self, service: str, since: datetime) -> list[str]:
        """The service's own messages since then, newest first; none of one that is gone."""
        ...

    def tasks_on(self, instance_id: str) -> list[tuple[str, str]]:
        """(service, task id) of each task of a service on that EC2 instance; none if the instance is not of our cluster."""
        ...


class Launcher(Engines, Protocol):
    """The same for the one function that may make services."""

    def launch(self, service: str, model: Model) -> None:
        """Make the service, or adopt the one of that name. `Refused` for what ECS will never take."""
        ...


class Prices(Protocol):
    """What copies cost."""

    def hourly(self, spec: Spec, copies: int) -> float | None:
        """USD an hour of so many copies of this wish; None where the price is not known."""
        ...


class Gauges(Protocol):
    """For those who watch the whole."""

    def show(self, stock: Stock) -> None:
        """Tell what there is now."""
        ...


class Headroom(Prices, Protocol):
    """Whether there is room for more copies than run already."""

    def surge_fits(self, spec: Spec) -> tuple[bool, str]:
        """Whether the copies of this wish fit beside those that run, and the sentence that says why (not)."""
        ...


class Artifacts(Protocol):
    """What lies in the artefact bucket."""

    def facts(self, spec: Spec) -> ModelFacts | Unread:
        """What the files of this wish's artefact say about its memory, or why they say nothing."""
        ...


class Instances(Protocol):
    """The region's instance types with GPUs."""

    def offer(self, *, quotas: bool = True, prices: bool = True) -> Offer:
        """What there is now; without quotas or prices of the day where they are not wanted."""
        ...

    def known(self) -> Offer:
        """What was known when this was shipped: nothing is asked."""
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


class Agendas(Protocol):
    """What was done about models' schedules. `Contended` from `keep` and `drop` means: read again and decide anew."""

    def read(self, model_id: str) -> Agenda | None:
        """What is known now; None for a model without one."""
        ...

    def keep(self, before: Agenda | None, after: Agenda) -> Agenda:
        """Write it, if what is there is still `before`; answers it with its new edition."""
        ...

    def drop(self, known: Agenda) -> None:
        """Delete it, if what is there is still that."""
        ...


class AlarmRemoval(Protocol):
    """For those who only take alarms away."""

    def remove(self, model_id: str) -> None:
        """Remove whatever is set for the model; what is gone counts as removed."""
        ...


class Alarms(AlarmRemoval, Protocol):
    """The scheduler, which calls at a set time: at most one alarm a model that matters; one that should not be there calls in vain."""

    def put(self, agenda: Agenda, generation: int) -> None:
        """Set the agenda's alarm, new or anew."""
        ...

    def set_for(self) -> Iterator[tuple[str, int]]:
        """Model id and slot of every alarm that is set."""
        ...
