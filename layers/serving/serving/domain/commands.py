"""Commands: what is allowed in which status, and what accepting one changes at once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from serving.domain.change import Change, change
from serving.domain.deadlines import seconds_for
from serving.domain.fields import ChangeClass, classify, patch_between, strongest
from serving.domain.model import Aspect, Fact, Failure, Model, Spec, Status
from serving.domain.operation import Goal, Operation, OperationStatus, Strategy

ALLOWED: Mapping[str, frozenset[Status]] = {
    "retry": frozenset({Status.FAILED}),
    "update": frozenset({Status.IN_SERVICE, Status.STOPPED, Status.FAILED}),
    "start": frozenset({Status.STOPPED}),
    "stop": frozenset({Status.IN_SERVICE, Status.CREATING, Status.STARTING, Status.UPDATING}),
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
    """What a retry works towards: a deletion that failed goes on, everything else ends in service."""
    return Goal.REMOVE if model.failed_goal == Goal.REMOVE else Goal.SERVE


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
    return change(tombstone, _expectant(model, ask.now), operations=[(None, operation)], facts=[requested(model, operation)])


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
        deployments=(),
        tasks=(),
        verdict=verdict,
        scaled_to=None,
    )
    operation = _operation("retry", Goal.SERVE, fresh, ask)
    return change(model, _expectant(fresh, ask.now), operations=[(None, operation)], facts=[requested(fresh, operation)])


def delete(model: Model, running: Operation | None, ask: Ask) -> Change:
    """The model and all that it occupies shall go; an operation under way is superseded."""
    return _remove("delete", model, running, ask)


def cancel(model: Model, operation: Operation, actor: str, now: str) -> Change:
    """The operation shall end; its state machine sees to what has been built and settles it as Cancelled."""
    moved = operation.moved(now, cancelled_by=actor)
    return change(model, replace(model, updated_by=actor, updated_at=now), operations=[(operation, moved)])


def cancellable(operation: Operation) -> bool:
    """Whether there is a state to go back to: a removal cannot be undone half-way, and what is being undone already goes on."""
    return not operation.ended and operation.goal is not Goal.REMOVE and operation.relapse is None


def update(model: Model, spec: Spec, changes: Mapping[str, Any], strategy: Strategy, ask: Ask) -> Change:
    """The wish changes to `spec`. A model that is in service carries it out at once, any other when it is started next."""
    commanded = replace(_commanded(model, ask), spec=spec)
    if model.desired != commanded.desired or "desired" in changes.get("capacity", {}):
        commanded = replace(commanded, scaled_to=None)
    operation = replace(_operation("update", Goal.UPDATE, commanded, ask), strategy=strategy, base=model.spec)
    facts = [updated(commanded, operation)]
    if model.status is not Status.IN_SERVICE:
        stored = replace(commanded, operation=None, observed_generation=commanded.generation, failed_starts=())
        return change(model, stored, operations=[(None, operation.end(OperationStatus.SUCCEEDED, ask.now))], facts=facts)
    after = replace(commanded, status=Status.UPDATING, failed_starts=()).with_condition(Aspect.UP_TO_DATE, False, "Updating", ask.now)
    return change(model, after, operations=[(None, operation)], facts=facts)


def nothing_to_change(model: Model, ask: Ask) -> Change:
    """An update that says what is true already: accepted, and at its end."""
    operation = _operation("update", Goal.UPDATE, model, ask).end(OperationStatus.SUCCEEDED, ask.now)
    return change(model, model, operations=[(None, operation)])


def start(kind: str, model: Model, ask: Ask) -> Change:
    """A stopped model shall be in service again, as it is wanted now. `kind` is `start`, or `wake` where a request asks."""
    before, after, rest = _start(kind, model, ask)
    return change(before, after, **rest)


def stop(kind: str, model: Model, running: Operation | None, ask: Ask) -> Change:
    """The model shall leave service and give its copies back. `kind` is `stop`, or `sleep` where nobody used it."""
    leaving = replace(_commanded(model, ask), status=Status.STOPPING, failure=None)
    operation = _superseding(_operation(kind, Goal.HALT, leaving, ask), running)
    return change(
        model,
        leaving,
        operations=[(None, operation), *_superseded(running, ask)],
        facts=[halting(leaving, operation)],
        ended_wait=running.operation_id if running else None,
    )


def cancel_stop(model: Model, stopping: Operation, ask: Ask) -> Change:
    """A stop is taken back: it ends as Cancelled, and a start takes its place. Copies that were told to end do so."""
    retiring = tuple(replace(one, retiring=True) for one in model.deployments)
    before, after, rest = _start("start", model, ask)
    started = rest["operations"][0][1]
    rest["operations"] = [
        (None, _superseding(started, stopping)),
        (stopping, stopping.moved(ask.now, cancelled_by=ask.actor).end(OperationStatus.CANCELLED, ask.now, CANCELLED)),
    ]
    return change(before, replace(after, deployments=retiring), ended_wait=stopping.operation_id, **rest)


def _remove(kind: str, model: Model, running: Operation | None, ask: Ask) -> Change:
    gone = replace(_commanded(model, ask), status=Status.DELETING, failure=None, failed_goal=None)
    operation = _superseding(_operation(kind, Goal.REMOVE, gone, ask), running)
    return change(
        model,
        gone,
        operations=[(None, operation), *_superseded(running, ask)],
        facts=[removal(gone, operation)],
        ended_wait=running.operation_id if running else None,
    )


def _start(kind: str, model: Model, ask: Ask) -> tuple[Model, Model, dict[str, Any]]:
    verdict = model.verdict if model.fits(model.verdict) and model.verdict and model.verdict.validated else None
    commanded = _commanded(model, ask)
    starting = replace(
        commanded,
        served_from=commanded.generation,
        status=Status.STARTING,
        failure=None,
        failed_goal=None,
        failed_starts=(),
        verdict=verdict,
        scaled_to=None,
    )
    operation = _operation(kind, Goal.SERVE, starting, ask)
    return model, _expectant(starting, ask.now), {"operations": [(None, operation)], "facts": [requested(starting, operation)]}


def _superseding(operation: Operation, running: Operation | None) -> Operation:
    return replace(operation, supersedes=running.execution, supersedes_goal=running.goal) if running else operation


def _superseded(running: Operation | None, ask: Ask) -> list[tuple[Operation | None, Operation]]:
    return [(running, running.end(OperationStatus.SUPERSEDED, ask.now, SUPERSEDED))] if running else []


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


def requested(model: Model, operation: Operation) -> Fact:
    """`ModelRequested`: somebody wants the model in service."""
    data: dict[str, Any] = {
        "model_id": model.model_id,
        "generation": model.generation,
        "operation_id": operation.operation_id,
        "hosting": model.hosting,
        "version": model.version,
        "model": dict(model.spec),
    }
    return Fact("ModelRequested", data, wish=True)


def updated(model: Model, operation: Operation) -> Fact:
    """`ModelUpdated`: the wish has changed to what it is now."""
    base = operation.base or {}
    return Fact(
        "ModelUpdated",
        {
            "model_id": model.model_id,
            "generation": model.generation,
            "operation_id": operation.operation_id,
            "changes": patch_between(base, model.spec),
            "model": dict(model.spec),
            "change_class": (strongest(classify(base, model.spec)) or ChangeClass.HOT).value,
        },
        wish=True,
    )


def halting(model: Model, operation: Operation) -> Fact:
    """`ModelStopRequested`: the model shall leave service."""
    told: dict[str, Any] = {"model_id": model.model_id, "generation": model.generation, "operation_id": operation.operation_id}
    asleep = operation.kind == "sleep"
    return Fact(
        "ModelStopRequested",
        told | {"hosting": model.hosting, "asleep": asleep, "expected_start_seconds": model.expected_start},
    )


def removal(model: Model, operation: Operation) -> Fact:
    """`ModelDeletionRequested`: the model shall go."""
    told = {"model_id": model.model_id, "generation": model.generation, "operation_id": operation.operation_id}
    return Fact("ModelDeletionRequested", told | {"hosting": model.hosting})
