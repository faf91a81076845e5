"""Compare what is wanted with what is there, and repair: a lost event, token or execution only costs time."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from kit.clock import Clock, iso
from kit.errors import SlipwayError, Transient
from serving.domain import lifecycle, reminders, tasks, troubles
from serving.domain.change import Cause
from serving.domain.model import Failure, Model, Status
from serving.domain.operation import Goal, Operation
from serving.domain.troubles import WAITING_PHASE
from serving.domain.waits import is_current
from serving.ports import Announcer, Engines, Machines, Store
from serving.usecases.anew import decided_anew
from serving.usecases.fail_model import FailModel
from serving.usecases.failures import out_of_time
from serving.usecases.on_engine_task_changed import OnEngineTaskChanged
from serving.usecases.repair_schedules import RepairSchedules
from serving.usecases.replacing import Replacing
from serving.usecases.resumption import Resumption
from serving.usecases.roll_back_update import RELAUNCH, RollBackUpdate
from serving.usecases.steps import Order, cause_of
from serving.usecases.taking_stock import TakeStock
from serving.usecases.tending import TendCapacity

_ACTOR = "sweep"
_SETTLING = timedelta(seconds=60)  # what has moved within it is on its way without us
_ATTEMPTS = 3
_LOST = Failure(
    "execution-lost", "The state machine ended again and again without an end for the operation.", "Look at its executions; retry."
)


class SweepModels:
    """Where everything is as it should be, nothing is written. Removes only services whose names are written down as ours."""

    def __init__(
        self,
        store: Store,
        announcer: Announcer,
        machines: Machines,
        engines: Engines,
        resumption: Resumption,
        observer: OnEngineTaskChanged,
        failer: FailModel,
        undoer: RollBackUpdate,
        tender: TendCapacity,
        schedules: RepairSchedules,
        stock: TakeStock,
        clock: Clock,
    ) -> None:
        self._store, self._announcer, self._machines, self._engines = store, announcer, machines, engines
        self._resumption, self._observer, self._failer = resumption, observer, failer
        self._undoer, self._tender, self._schedules = undoer, tender, schedules
        self._stock, self._clock = stock, clock
        self._replacing = Replacing(store, engines, clock)

    def __call__(self) -> dict[str, int]:
        """Answers what was done. `Transient` names what failed, after everything else has been seen to: nobody waits for a neighbour."""
        done: Counter[str] = Counter(announced=0)
        failed: list[str] = []
        _try(partial(self._announce, done), "what was forgotten", failed)
        operations = list(self._store.running_operations())
        for operation in operations:
            _try(partial(self._carry_on, operation, done), operation.operation_id, failed)
        _try(self._schedules.begin, "alarms", failed)
        models = []
        for model in self._store.models(prefix="", after=None, forward=True):
            models.append(model)
            _try(partial(self._observe, model, done), model.model_id, failed)
            _try(partial(self._tender, model, done), model.model_id, failed)
            _try(partial(self._schedules.model, model, done), model.model_id, failed)
        _try(partial(self._schedules.end, done), "alarms of nobody", failed)
        for service in list(self._engines.services()):
            _try(partial(self._remove_orphan, service, done), service, failed)
        self._stock(operations, models)
        if failed:
            raise Transient("sweep-incomplete", f"{len(failed)} could not be swept: {'; '.join(failed[:10])}")
        return dict(done)

    def _announce(self, done: Counter[str]) -> None:
        done["announced"] += self._announcer.announce_forgotten()

    def _carry_on(self, operation: Operation, done: Counter[str]) -> None:
        model = self._store.model(operation.model_id)
        now = self._clock.now()
        if model is None or not is_current(model, operation):
            return
        if operation.deadline < iso(now):
            self._give_up(operation, None)
            done["given_up"] += 1
        elif operation.updated_at < iso(now - _SETTLING):
            self._revive(model, operation, done)

    def _revive(self, model: Model, operation: Operation, done: Counter[str]) -> None:
        running = self._machines.is_running(operation.goal, operation.execution)
        if running:
            # An image may take longer to come than a heartbeat lasts, and ECS has nothing to tell until it has come.
            starts = operation.goal in {Goal.SERVE, Goal.UPDATE} and (operation.phase == WAITING_PHASE or self._starts(model))
            self._resumption.resume(operation.operation_id, beat=starts)
            self._remind(operation.model_id, done)
            return
        if running is False and operation.attempt >= _ATTEMPTS:
            self._give_up(operation, _LOST)
            done["given_up"] += 1
            return
        if running is False:
            change = lifecycle.next_attempt(model, operation, iso(self._clock.now()))
            self._store.commit(change, cause_of(model, operation))
            operation = change.operations[0][1]
        elif operation.supersedes:
            superseded = operation.supersedes_goal or Goal.SERVE
            self._machines.stop(superseded, operation.supersedes, f"superseded by {operation.operation_id}")
        self._machines.start(operation.goal, operation.execution, operation)
        done["restarted"] += 1

    @decided_anew
    def _remind(self, model_id: str, done: Counter[str]) -> None:
        """Tell routing again what it seems not to have heard: an event that is lost costs no more than the time until here."""
        model = self._store.model(model_id)
        if model is None or model.deleted:
            return
        operation, now = self._store.operation(model.operation) if model.operation else None, self._clock.now()
        # Another sweep may have said it since ours was listed.
        if operation and (not is_current(model, operation) or operation.updated_at >= iso(now - _SETTLING)):
            return
        wait = self._store.wait(operation.operation_id, model_id) if operation else None
        if change := reminders.remind(model, operation, wait.step if wait else None, iso(now)):
            why = cause_of(model, operation) if operation else Cause(_ACTOR, model_id)
            self._store.commit(change, why)
            done["told_again"] += 1

    def _starts(self, model: Model) -> bool:
        """Whether ECS is bringing up a copy that does not run yet."""
        wanted = model.deployment
        if wanted is None:
            return False
        running = sum(1 for task in model.tasks_of(wanted) if task.target_status == "running")
        return self._engines.tasks_left(wanted.service) > running

    def _give_up(self, operation: Operation, failure: Failure | None) -> None:
        self._machines.stop(operation.goal, operation.execution, "given up by the sweep")
        wait = self._store.wait(operation.operation_id, operation.model_id)
        order = Order(operation.operation_id, operation.model_id, operation.generation, entered=f"past {operation.deadline}")
        cause = failure or out_of_time(wait.step if wait else None)
        if operation.goal is not Goal.UPDATE:
            self._failer.settle(order, cause)
        elif self._undoer.settle(order, cause) == RELAUNCH:
            self._start_anew(operation.operation_id)

    def _start_anew(self, operation_id: str) -> None:
        """The former copies had to go before the new ones came: another execution brings them back."""
        operation = self._store.operation(operation_id)
        model = self._store.model(operation.model_id) if operation else None
        if operation is None or model is None or not is_current(model, operation):
            return
        change = lifecycle.next_attempt(model, operation, iso(self._clock.now()))
        self._store.commit(change, cause_of(model, operation))
        again = change.operations[0][1]
        self._machines.start(again.goal, again.execution, again)

    def _observe(self, listed: Model, done: Counter[str]) -> None:
        """Look at a model's tasks where ECS counts others than we do: an event about them may be lost."""
        model = self._store.model(listed.model_id)
        if model is None or model.deleted:
            return
        change = troubles.calmed(model, iso(self._clock.now()))
        if change:
            self._store.commit(change, Cause(_ACTOR, model.model_id))
            done["calmed"] += 1
        if model.status in {Status.IN_SERVICE, Status.FAILED, Status.STOPPED}:
            self._remind(model.model_id, done)
        if any(task.condemned for task in model.tasks) and (ended := self._replacing.look(model.model_id)):
            done["replaced"] += ended
        for deployment in model.deployments:
            known = model.tasks_of(deployment)
            running = sum(1 for task in known if task.target_status == "running")
            if self._engines.tasks_left(deployment.service) == running == len(known):
                continue
            looks = self._engines.tasks(deployment.service, deployment.generation, [task.task_id for task in known])
            for seen in looks + tasks.forgotten(deployment.service, known, looks, self._clock.now()):
                done["observed"] += self._observer.learn(model.model_id, seen, Cause(_ACTOR, model.operation or model.model_id))

    def _remove_orphan(self, service: str, done: Counter[str]) -> None:
        owner = self._store.owner_of(service)
        model = self._store.model(owner[0]) if owner else None
        if model is None or (not model.deleted and any(one.service == service for one in model.deployments)):
            return
        self._engines.remove(service)
        done["orphans_removed"] += 1


def _try(work: Callable[[], None], name: str, failed: list[str]) -> None:
    try:
        work()
    except SlipwayError as error:
        failed.append(f"{name}: {error}")
