"""Commands: what is allowed in which status, and what accepting one changes at once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from serving.domain.change import Change, change
from serving.domain.deadlines import seconds_for
from serving.domain.model import Aspect, Fact, Failure, Model, Spec, Status
from serving.domain.operation import Goal, Operation, OperationStatus

ALLOWED: Mapping[str, frozenset[Status]] = {
    "retry": frozenset({Status.FAILED}),
    "delete": frozenset(set(Status) - {Status.DELETING}),
}
"""The statuses in which a command on an existing model is accepted."""

CANCELLED = Failure("operation-cancelled", "The operation was cancelled.", "Retry or delete the model.")
SUPERSEDED = Failure("operation-superseded", "A newer command took this operation's place.", "Follow the newer operation.")


@dataclass(frozen=True)
class Ask:
    """Who commands, when, and under which id the operation will run. `deadline` is the moment at which it is given up."""

    actor: str
    now: str
    operation_id: str
    deadline: str


def allowed(command: str, model: Model) -> bool:
    """Whether the model's status admits the command."""
    return model.status in ALLOWED[command]


def goal_of_retry(model: Model) -> Goal:
    """What a retry works towards: what the failed operation worked towards."""
    return Goal(model.failed_goal or Goal.SERVE)


def time_for(goal: Goal, spec: Spec) -> int:
    """Seconds that an operation with this goal may take."""
    return seconds_for(goal.value, spec)


def create(spec: Spec, tombstone: Model | None, ask: Ask) -> Change:
    """A model comes into being, or an id comes to life again behind its tombstone, with every counter rising on."""
    generation = tombstone.generation + 1 if tombstone else 1
    revision = tombstone.revision if tombstone else 0
    model = Model(
        model_id=str(spec["model_id"]),
        generation=generation,
        revision=revision,
        edition=tombstone.edition if tombstone else 0,
        status=Status.CREATING,
        spec=spec,
        created_by=ask.actor,
        created_at=ask.now,
        updated_by=ask.actor,
        updated_at=ask.now,
        life=revision + 1,
        served_from=generation,
        operation=ask.operation_id,
        route=tombstone.route if tombstone else None,
    )
    operation = _operation("create", Goal.SERVE, model, ask)
    return change(tombstone, _expectant(model, ask.now), operations=[(None, operation)], facts=[_requested(model, operation)])


def retry(model: Model, ask: Ask) -> Change:
    """The failed operation's goal is tried again, under a new generation."""
    if goal_of_retry(model) is Goal.REMOVE:
        return _remove("retry", model, None, ask)
    verdict = model.verdict if model.fits(model.verdict) and model.verdict and model.verdict.validated else None
    commanded = _commanded(model, ask)
    fresh = replace(
        commanded,
        served_from=commanded.generation,
        status=Status.CREATING,
        failure=None,
        failed_goal=None,
        failed_starts=(),
        deployment=None,
        tasks=(),
        verdict=verdict,
    )
    operation = _operation("retry", Goal.SERVE, fresh, ask)
    return change(model, _expectant(fresh, ask.now), operations=[(None, operation)], facts=[_requested(fresh, operation)])


def delete(model: Model, running: Operation | None, ask: Ask) -> Change:
    """The model and all that it occupies shall go; an operation under way is superseded."""
    return _remove("delete", model, running, ask)


def cancel(model: Model, operation: Operation, actor: str, now: str) -> Change:
    """The operation shall end; its state machine sees to what has been built and settles it as Cancelled."""
    moved = operation.moved(now, cancelled_by=actor)
    return change(model, replace(model, updated_by=actor, updated_at=now), operations=[(operation, moved)])


def cancellable(operation: Operation) -> bool:
    """Whether there is a state to go back to: a removal cannot be undone half-way."""
    return not operation.ended and operation.goal is Goal.SERVE


def _remove(kind: str, model: Model, running: Operation | None, ask: Ask) -> Change:
    gone = replace(_commanded(model, ask), status=Status.DELETING, failure=None, failed_goal=None)
    operation = replace(_operation(kind, Goal.REMOVE, gone, ask), supersedes=running.execution if running else None)
    operations: list[tuple[Operation | None, Operation]] = [(None, operation)]
    if running:
        operations.append((running, running.end(OperationStatus.SUPERSEDED, ask.now, SUPERSEDED)))
    data = {"model_id": model.model_id, "generation": gone.generation, "operation_id": ask.operation_id, "hosting": model.hosting}
    return change(
        model,
        gone,
        operations=operations,
        facts=[Fact("ModelDeletionRequested", data)],
        ended_wait=running.operation_id if running else None,
    )


def _commanded(model: Model, ask: Ask) -> Model:
    return replace(model, generation=model.generation + 1, operation=ask.operation_id, updated_by=ask.actor, updated_at=ask.now)


def _operation(kind: str, goal: Goal, model: Model, ask: Ask) -> Operation:
    return Operation(
        operation_id=ask.operation_id,
        model_id=model.model_id,
        kind=kind,
        goal=goal,
        generation=model.generation,
        status=OperationStatus.PENDING,
        created_by=ask.actor,
        created_at=ask.now,
        updated_at=ask.now,
        deadline=ask.deadline,
        allowed_groups=model.allowed_groups,
    )


def _expectant(model: Model, now: str) -> Model:
    """With the conditions of a model of which nothing is known yet."""
    aspects = [Aspect.ROUTE_OPEN, Aspect.ENGINE_READY]
    if model.hosting == "hosted":
        aspects.append(Aspect.CAPACITY_AVAILABLE)
        if model.verdict is None:
            aspects.append(Aspect.ARTIFACT_VALIDATED)
    for aspect in aspects:
        model = model.with_condition(aspect, None, "NotYetKnown", now)
    return model


def _requested(model: Model, operation: Operation) -> Fact:
    data: dict[str, Any] = {
        "model_id": model.model_id,
        "generation": model.generation,
        "operation_id": operation.operation_id,
        "hosting": model.hosting,
        "version": model.version,
        "model": dict(model.spec),
    }
    return Fact("ModelRequested", data, wish=True)
