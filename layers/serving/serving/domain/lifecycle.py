"""The way of an operation through its state machine: begun, waiting, launched, and at its one end."""

from dataclasses import replace

from serving.domain.change import Change, change
from serving.domain.commands import CANCELLED
from serving.domain.model import Aspect, Deployment, Fact, Failure, Model, Status
from serving.domain.operation import Goal, Operation, OperationStatus, Step, Wait
from serving.domain.waits import PHASES


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
    after = replace(model, deployment=Deployment(service, model.generation))
    after = after.with_condition(Aspect.CAPACITY_AVAILABLE, False, "TasksStarting", now)
    saved = Wait(operation.operation_id, model.model_id, Step.LAUNCH, token)
    return change(model, after, operations=[(operation, moved)], wait=saved, claim=service)


def next_attempt(model: Model, operation: Operation, now: str) -> Change:
    """The execution is gone though the operation has not ended: another one takes over."""
    return change(model, model, operations=[(operation, operation.moved(now, attempt=operation.attempt + 1))])


def settle(model: Model, operation: Operation, now: str) -> Change:
    """The model is in service."""
    after = replace(
        model,
        status=Status.IN_SERVICE,
        observed_generation=model.generation,
        operation=None,
        failure=None,
        failed_goal=None,
        failed_starts=(),
    )
    data = {
        "model_id": model.model_id,
        "generation": model.generation,
        "operation_id": operation.operation_id,
        "hosting": model.hosting,
        "version": model.version,
    }
    ended = replace(operation, phase="", progress=None).end(OperationStatus.SUCCEEDED, now)
    facts = [Fact("ModelInService", data)]
    return change(model, after, operations=[(operation, ended)], facts=facts, ended_wait=operation.operation_id)


def fail(model: Model, operation: Operation, cause: Failure, now: str) -> Change:
    """The operation has failed for good (or was cancelled); what it had built is gone by now."""
    cancelled = operation.cancelled_by is not None and operation.goal is Goal.SERVE
    failure = CANCELLED if cancelled else operation.doom or cause
    after = replace(
        model,
        status=Status.FAILED,
        observed_generation=model.generation,
        operation=None,
        failure=failure,
        failed_goal=operation.goal.value,
        deployment=None,
        tasks=(),
    )
    if model.hosting == "hosted":
        after = after.with_condition(Aspect.CAPACITY_AVAILABLE, False, "Released", now)
    after = after.with_condition(Aspect.ROUTE_OPEN, False, "ModelFailed", now).no_longer_ready("ModelFailed", now)
    data = {
        "model_id": model.model_id,
        "generation": model.generation,
        "operation_id": operation.operation_id,
        "operation": operation.kind,
        "failure": vars(failure),
    }
    status = OperationStatus.CANCELLED if cancelled else OperationStatus.FAILED
    return change(
        model,
        after,
        operations=[(operation, operation.end(status, now, failure))],
        facts=[Fact("ModelFailed", data)],
        ended_wait=operation.operation_id,
        released=model.deployment.service if model.deployment else None,
    )


def erase(model: Model, operation: Operation, now: str) -> Change:
    """Nothing is left but the ledger, and a tombstone that keeps the counters rising and says whose the model was."""
    after = replace(
        model,
        observed_generation=model.generation,
        operation=None,
        spec={"allowed_groups": list(model.allowed_groups)},
        conditions=(),
        failure=None,
        deployment=None,
        tasks=(),
        failed_starts=(),
        verdict=None,
        exposed=False,
        deleted=True,
    )
    data = {"model_id": model.model_id, "generation": model.generation, "operation_id": operation.operation_id}
    return change(
        model,
        after,
        operations=[(operation, operation.end(OperationStatus.SUCCEEDED, now))],
        facts=[Fact("ModelDeleted", data)],
        ended_wait=operation.operation_id,
        released=model.deployment.service if model.deployment else None,
    )
