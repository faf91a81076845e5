"""The way of an operation through its state machine: begun, waiting, launched, and at its one end."""

from collections.abc import Sequence
from dataclasses import replace

from serving.domain.change import Change, change
from serving.domain.commands import CANCELLED
from serving.domain.fields import patch_between
from serving.domain.model import Aspect, Deployment, Fact, Failure, Model, Status
from serving.domain.moments import seconds_between
from serving.domain.observations import capacity_changed
from serving.domain.operation import Goal, Operation, OperationStatus, Step, Strategy, Wait
from serving.domain.waits import PHASES

_STARTS_REMEMBERED = 5


def begin(model: Model, operation: Operation, now: str) -> Change | None:
    """The machine has taken the operation up."""
    if operation.status is OperationStatus.RUNNING:
        return None
    return change(model, model, operations=[(operation, operation.moved(now, status=OperationStatus.RUNNING))])


def wait(model: Model, operation: Operation, step: Step, token: str, now: str) -> Change:
    """The machine waits at `step`; the token is kept with that, in one write, before any work that could wake it begins."""
    moved = operation.moved(now, status=OperationStatus.RUNNING, phase=PHASES[step], progress=None)
    saved = Wait(operation.operation_id, model.model_id, step, token)
    return change(model, model, operations=[(operation, moved)], wait=saved)


def launch(model: Model, operation: Operation, service: str, token: str, now: str) -> Change:
    """The ECS service `service` is about to be made. From this write on the model owns it, whether or not it comes to be."""
    moved = operation.moved(now, status=OperationStatus.RUNNING, phase=PHASES[Step.LAUNCH], progress=None)
    wanted = Deployment(service, model.generation, model.version)
    others = tuple(one for one in model.deployments if one.generation != model.generation)
    after = replace(model, deployments=(*others, wanted))
    if not after.running:
        after = after.with_condition(Aspect.CAPACITY_AVAILABLE, False, "TasksStarting", now)
    saved = Wait(operation.operation_id, model.model_id, Step.LAUNCH, token)
    return change(model, after, operations=[(operation, moved)], wait=saved, claim=service)


def retire(model: Model, operation: Operation, token: str, now: str) -> Change:
    """Engines are about to end: all of them, or, where an update has put others beside them, those that it replaces.

    An update tells routing first, so that routers let go of them; where the whole model leaves service the route has been closed.
    """
    update, last = operation.goal is Goal.UPDATE, model.deployment
    kept = last.generation if update and last and last.generation == model.generation else None
    deployments = tuple(one if one.generation == kept else replace(one, retiring=True) for one in model.deployments)
    after = replace(model, deployments=deployments)
    moved = operation.moved(now, status=OperationStatus.RUNNING, phase=PHASES[Step.ENGINES_STOPPED], progress=None)
    saved = Wait(operation.operation_id, model.model_id, Step.ENGINES_STOPPED, token)
    changed = update and after.targets() != model.targets()
    facts = [capacity_changed(after, "newer copies take over" if kept else "the copies restart")] if changed else []
    return change(model, after, operations=[(operation, moved)], facts=facts, wait=saved)


def next_attempt(model: Model, operation: Operation, now: str) -> Change:
    """The execution is gone though the operation has not ended: another one takes over."""
    return change(model, model, operations=[(operation, operation.moved(now, attempt=operation.attempt + 1))])


def settle(model: Model, operation: Operation, now: str) -> Change:
    """The operation has reached its goal: the model is in service, or has left it."""
    return _stopped(model, operation, now) if operation.goal is Goal.HALT else _in_service(model, operation, now)


def roll_back(model: Model, operation: Operation, cause: Failure, deadline: str, now: str) -> Change:
    """An update has failed: the wish that it started from holds again, under a new generation.

    Where the copies of that wish still run, that is the end of it. Where they had to go first, they are started anew, until `deadline`.
    """
    relapse = CANCELLED if operation.cancelled_by else operation.doom or cause
    spec = dict(operation.base or model.spec)
    failed = tuple(one for one in model.deployments if one.generation == model.generation)
    kept = tuple(one for one in model.deployments if one.generation != model.generation)
    after = replace(
        model,
        spec=spec,
        generation=model.generation + 1,
        updated_at=now,
        deployments=kept,
        tasks=tuple(task for task in model.tasks if all(task.generation != one.generation for one in failed)),
        failed_starts=(),
    )
    after = after.with_condition(Aspect.UP_TO_DATE, False, "RolledBack", now, f"{relapse.code}: {relapse.message}")
    told = {
        "model_id": model.model_id,
        "generation": after.generation,
        "operation_id": operation.operation_id,
        "changes": patch_between(model.spec, spec),
        "model": spec,
        "change_class": "restart" if operation.strategy in {Strategy.SURGE, Strategy.IN_PLACE} else "hot",
        "rolled_back": True,
    }
    facts = [Fact("ModelUpdated", told, wish=True)]
    if model.hosting == "hosted":  # also where nothing changes: what was told of the new copies just now may come too late to count
        facts.append(capacity_changed(after, "the update is rolled back"))
    if operation.strategy is Strategy.IN_PLACE:
        moved = operation.moved(now, generation=after.generation, relapse=relapse, doom=None, deadline=deadline)
        return change(model, after, operations=[(operation, moved)], facts=facts, released=failed)
    after = replace(after, status=Status.IN_SERVICE, observed_generation=after.generation, operation=None, undone=operation.operation_id)
    ended = replace(operation, generation=after.generation, relapse=relapse)
    return _ended(model, after, operation, _end_of_relapse(ended, relapse, now), facts, failed)


def fail(model: Model, operation: Operation, cause: Failure, now: str) -> Change:
    """The operation has failed for good (or was cancelled); what it had built is gone by now."""
    cancelled = operation.cancelled_by is not None and operation.goal is Goal.SERVE
    failure = CANCELLED if cancelled else operation.doom or cause
    back = cancelled and operation.kind in {"start", "wake"}
    after = replace(
        model,
        status=Status.STOPPED if back else Status.FAILED,
        observed_generation=model.generation,
        operation=None,
        failure=None if back else failure,
        failed_goal=None if back else operation.goal.value,
        deployments=(),
        tasks=(),
    )
    reason = "Stopped" if back else "ModelFailed"
    if model.hosting == "hosted":
        after = after.with_condition(Aspect.CAPACITY_AVAILABLE, False, "Released", now)
    after = after.with_condition(Aspect.ROUTE_OPEN, False, reason, now).no_longer_ready(reason, now)
    told = {"model_id": model.model_id, "generation": model.generation, "operation_id": operation.operation_id}
    if back:
        facts = [Fact("ModelStopRequested", told | {"hosting": model.hosting}), Fact("ModelStopped", told)]
    else:
        facts = [Fact("ModelFailed", told | {"operation": operation.kind, "failure": vars(failure)})]
    status = OperationStatus.CANCELLED if cancelled else OperationStatus.FAILED
    return _ended(model, after, operation, operation.end(status, now, failure), facts, model.deployments)


def erase(model: Model, operation: Operation, now: str) -> Change:
    """Nothing is left but the ledger, and a tombstone that keeps the counters rising and says whose the model was."""
    after = replace(
        model,
        observed_generation=model.generation,
        operation=None,
        spec={"allowed_groups": list(model.allowed_groups)},
        conditions=(),
        failure=None,
        deployments=(),
        tasks=(),
        failed_starts=(),
        verdict=None,
        exposed=False,
        scaled_to=None,
        asleep=False,
        start_seconds=(),
        users=(),
        deleted=True,
    )
    told = {"model_id": model.model_id, "generation": model.generation, "operation_id": operation.operation_id}
    ended = operation.end(OperationStatus.SUCCEEDED, now)
    return _ended(model, after, operation, ended, [Fact("ModelDeleted", told)], model.deployments)


def _in_service(model: Model, operation: Operation, now: str) -> Change:
    kept = model.deployments[-1:]
    after = replace(
        model,
        status=Status.IN_SERVICE,
        observed_generation=model.generation,
        operation=None,
        failure=None,
        failed_goal=None,
        failed_starts=(),
        asleep=False,
        deployments=kept,
        tasks=tuple(task for task in model.tasks if any(task.generation == one.generation for one in kept)),
    )
    if operation.goal is Goal.SERVE:
        took = round(seconds_between(operation.created_at, now), 3)
        after = replace(after, start_seconds=(*model.start_seconds, took)[-_STARTS_REMEMBERED:])
    if operation.goal is Goal.UPDATE and operation.relapse is None:
        after = after.with_condition(Aspect.UP_TO_DATE, True, "Updated", now)
    told = {
        "model_id": model.model_id,
        "generation": model.generation,
        "operation_id": operation.operation_id,
        "hosting": model.hosting,
        "version": model.version,
    }
    ended = replace(operation, phase="", progress=None)
    ended = _end_of_relapse(ended, operation.relapse, now) if operation.relapse else ended.end(OperationStatus.SUCCEEDED, now)
    facts = [Fact("ModelInService", told)]
    if after.targets() != model.targets():  # nothing that former copies do from now on is heard, so routing lets go of them now
        facts.append(capacity_changed(after, "former copies are gone, or take their time"))
    return _ended(model, after, operation, ended, facts, model.deployments[:-1])


def _stopped(model: Model, operation: Operation, now: str) -> Change:
    asleep = operation.kind == "sleep"
    reason = "Asleep" if asleep else "Stopped"
    after = replace(
        model,
        status=Status.STOPPED,
        observed_generation=model.generation,
        operation=None,
        deployments=(),
        tasks=(),
        failed_starts=(),
        scaled_to=None,
        asleep=asleep,
        exposed=False,
    )
    if model.hosting == "hosted":
        after = after.with_condition(Aspect.CAPACITY_AVAILABLE, False, reason, now)
    after = after.with_condition(Aspect.ROUTE_OPEN, False, reason, now).no_longer_ready(reason, now)
    told = {"model_id": model.model_id, "generation": model.generation, "operation_id": operation.operation_id, "asleep": asleep}
    ended = replace(operation, phase="", progress=None).end(OperationStatus.SUCCEEDED, now)
    return _ended(model, after, operation, ended, [Fact("ModelStopped", told)], model.deployments)


def _end_of_relapse(operation: Operation, relapse: Failure, now: str) -> Operation:
    status = OperationStatus.CANCELLED if operation.cancelled_by else OperationStatus.FAILED
    return replace(operation, phase="", progress=None).end(status, now, relapse)


def _ended(
    before: Model, after: Model, operation: Operation, ended: Operation, facts: Sequence[Fact], released: tuple[Deployment, ...]
) -> Change:
    ended_wait = operation.operation_id
    return change(before, after, operations=[(operation, ended)], facts=facts, ended_wait=ended_wait, released=released)
