"""The way of an operation through its state machine: begun, waiting, launched, and at its one end."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from serving.domain.change import Change, change
from serving.domain.commands import CANCELLED, halting, removal, requested, updated
from serving.domain.fields import patch_between
from serving.domain.model import Aspect, Deployment, Fact, Failure, Model, Status
from serving.domain.observations import capacity_changed
from serving.domain.operation import Goal, Operation, OperationStatus, Step, Strategy, Wait
from serving.domain.waits import PHASES

_STARTS_REMEMBERED = 5
SILENCE_SECONDS = 300
"""After so long without news of an operation that waits for routing, it is asked again. Engines that load tell more often than that."""


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


def remind(model: Model, operation: Operation | None, step: Step | None, now: str) -> Change | None:
    """What others need to know is told again where it, or their answer, seems to be lost on the way; None where nothing is."""
    silent = operation is not None and _seconds_between(operation.updated_at, now) >= SILENCE_SECONDS
    facts = _unheard(model, operation, step, silent=silent)
    operations = [(operation, operation.moved(now))] if operation else []
    return change(model, model, operations=operations, facts=facts) if facts else None


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
    if after.targets() != model.targets():
        facts.append(capacity_changed(after, "the update is rolled back"))
    if operation.strategy is Strategy.IN_PLACE:
        moved = operation.moved(now, generation=after.generation, relapse=relapse, doom=None, deadline=deadline)
        return change(model, after, operations=[(operation, moved)], facts=facts, released=failed)
    after = replace(after, status=Status.IN_SERVICE, observed_generation=after.generation, operation=None)
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


def _unheard(model: Model, operation: Operation | None, step: Step | None, *, silent: bool) -> list[Fact]:
    """`silent`: nothing was heard for long; that a route has opened may be what was lost. Who is told again answers how it stands."""
    route = model.route
    behind = route is None or route.generation < model.generation or silent
    if operation is None and model.status in {Status.FAILED, Status.STOPPED}:
        # What should have closed it came behind a newer wish, as history; a sleeper's route is not closed.
        left = route is not None and route.state in {"open", "probing"} and route.generation >= model.served_from and not model.asleep
        closing = capacity_changed(model, "told again: the model is out of service, and its route is not closed")
        return [replace(closing, data=closing.data | {"desired": 0})] if left else []
    if operation is not None and step is Step.VALIDATION:
        return [requested(model, operation)]
    if operation is not None and step is Step.UPDATE_READY:
        return [updated(model, operation)]
    if operation is None or step in {Step.LAUNCH, Step.APPLIED}:
        if model.hosting == "hosted":
            told = {target["target_id"] for target in model.targets() if target["status"] != "stopping"}
            unknown = told != set(route.targets if route else ())
            return [capacity_changed(model, "told again: routing seems not to have heard of it")] if told and (behind or unknown) else []
        if operation is not None and behind:
            return [updated(model, operation)]
    if operation is not None and step is Step.PROVIDER_ROUTE and behind:
        return [requested(model, operation)]
    if operation is not None and step is Step.ROUTE_CLOSED and behind:
        return [halting(model, operation) if operation.goal is Goal.HALT else removal(model, operation)]
    return []


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
        took = _seconds_between(operation.created_at, now)
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
    return _ended(model, after, operation, ended, [Fact("ModelInService", told)], model.deployments[:-1])


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


def _seconds_between(then: str, now: str) -> float:
    return round((datetime.fromisoformat(now) - datetime.fromisoformat(then)).total_seconds(), 3)
