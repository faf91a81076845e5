"""What is learnt about a model from others, and what that changes. None = nothing new."""

from collections.abc import Sequence
from dataclasses import replace

from serving.domain import tasks, troubles
from serving.domain.change import Change, TaskChange, change
from serving.domain.model import Aspect, Fact, Failure, Model, RouteView, Status, Verdict
from serving.domain.operation import Goal, Operation
from serving.domain.tasks import TaskObservation

Moves = Sequence[tuple[Operation | None, Operation]]

_NO_MOVES: Moves = ()
_QUIET = frozenset({Status.DELETING, Status.FAILED, Status.STOPPING, Status.STOPPED})
"""Statuses in which capacity is on its way out: the route is closed already, and telling of targets could only open it again."""
_BRINGING = frozenset({Goal.SERVE, Goal.UPDATE})
"""Goals on whose way engines start."""
_PHASES = ("fetching", "verifying", "starting", "loading", "warming", "ready")
"""An engine's phases in the order in which it goes through them."""
_PROGRESS_STEP = 0.05  # a finer progress is not worth a write


def verdict(model: Model, found: Verdict, now: str) -> Change | None:
    """The registry has looked at an artefact. A verdict about another artefact than the one wanted now is history."""
    if model.deleted or not model.fits(found) or model.verdict == found:
        return None
    if model.verdict and model.fits(model.verdict) and model.verdict.validated and not found.validated:
        return None  # what was validated stays so: content is named by digest
    after = replace(model, verdict=found)
    if found.validated:
        after = after.with_condition(Aspect.ARTIFACT_VALIDATED, True, "Validated", now)
    else:
        failure = found.failure or Failure("manifest-invalid", "The artefact was rejected.")
        after = after.with_condition(Aspect.ARTIFACT_VALIDATED, False, _reason(failure.code), now, failure.message)
    return change(model, after)


def route(model: Model, seen: RouteView, now: str) -> Change | None:
    """The route has changed; the newest revision wins."""
    if model.deleted or (model.route and model.route.revision >= seen.revision):
        return None
    after = replace(model, route=replace(seen, heard_at=now))
    if seen.generation < model.served_from:
        return change(model, after)  # of an earlier life, or of a try that failed: only its revision counts
    is_open = seen.state == "open"
    if is_open:
        after = replace(after, futile=0)  # a copy has answered: those that die from now on do not die unheard
    if is_open and troubles.flaps(model, now):
        pass  # it answers, as it did before it last died: time must tell
    elif is_open:
        after = after.with_condition(Aspect.ENGINE_READY, True, "AnsweredACompletion", now)
    else:
        after = after.no_longer_ready("NoTargetAnswers", now)
    after = after.with_condition(Aspect.ROUTE_OPEN, is_open, f"Route{seen.state.capitalize()}", now)
    return change(model, after)


def progress(model: Model, operation: Operation | None, target_id: str, phase: str, fraction: float | None, now: str) -> Change | None:
    """A router saw a target on its way. Where several are, the operation shows the one that is furthest."""
    if operation is None or operation.goal not in _BRINGING or (phase == operation.phase and _near(fraction, operation.progress)):
        return None
    leads = operation.leader is not None and operation.leader != target_id and any(t.task_id == operation.leader for t in model.tasks)
    if leads and _advance(phase, fraction) <= _advance(operation.phase, operation.progress):
        return None
    after = model
    if operation.goal is Goal.SERVE:  # beside an update's new copies the old ones still answer
        after = model.with_condition(Aspect.ENGINE_READY, False, _reason(f"engine-{phase or 'starting'}"), now)
    return change(model, after, operations=[(operation, operation.moved(now, phase=phase, progress=fraction, leader=target_id))])


def failed_start(model: Model, operation: Operation | None, target_id: str, failure: Failure, now: str) -> Change | None:
    """A start of the engine has come to nothing, as a router saw it; each target counts once, and its copy has to be replaced.

    Only a copy of the wanted deployment is a start of this operation's; what an older one dies of is no failure of an update.
    """
    after, operations = model, _NO_MOVES
    if target_id not in {task.task_id for task in model.tasks} - {task.task_id for task in model.tasks_of(model.deployment)}:
        after, operations = _with_failed_start(model, operation, target_id, failure, now)
    moved = operations[0][1] if operations else operation
    facts: list[Fact] = []
    if moved is None or not moved.doom:  # what has failed for good is taken down as a whole
        after, facts = _condemned(after, target_id, failure, now)
    return change(model, after, operations=operations, facts=facts) if after != model or operations else None


def task(
    model: Model, operation: Operation | None, known_version: int | None, seen: TaskObservation, failure: Failure | None, now: str
) -> Change | None:
    """ECS has told of a task; the newest version wins. `failure` says what it died of, None if it lives or ended as asked."""
    if known_version is not None and known_version >= seen.version:
        return None
    if model.deleted or model.deployment_of(seen.generation) is None:
        return None  # of a service that is given up
    others = tuple(t for t in model.tasks if t.task_id != seen.task_id)
    before = next((t for t in model.tasks if t.task_id == seen.task_id), None)
    sentence = before.condemned if before else None
    alive = replace(seen.live(), condemned=sentence, known_since=before.known_since if before else now)
    failure = failure or (sentence if seen.stopped else None)
    after = replace(model, tasks=others if seen.stopped else (*others, alive))
    after = _with_capacity(after, seen, failure, now)
    if model.running and not after.running:
        after = after.no_longer_ready("NoTaskRuns", now)
    operations = _NO_MOVES
    if seen.stopped and failure and model.deployment and model.deployment.generation == seen.generation:
        after, operations = _with_failed_start(after, operation, seen.task_id, failure, now)
        after = troubles.with_death(after, failure, now)
    operations = troubles.phases(operation, operations, seen, failure, now)
    changed = after.targets() != model.targets() and model.status not in _QUIET
    after = replace(after, exposed=after.exposed or changed)
    facts = [capacity_changed(after, f"task {seen.task_id} is {seen.last_status.lower()}")] if changed else []
    facts += troubles.told(model, after, failure)
    return change(model, after, operations=operations, facts=facts, task=TaskChange(known_version, seen))


def interrupted(model: Model, task_ids: Sequence[str], failure: Failure, now: str) -> Change | None:
    """AWS is about to take back the hosts of these tasks: routing is told at once, if other copies can take over."""
    after, elsewhere = troubles.leaving(model, task_ids, failure, now)
    facts = [capacity_changed(after, failure.message)] if elsewhere else []
    facts += troubles.told(model, after, failure)
    return change(model, after, facts=facts) if after != model else None


def capacity_changed(model: Model, reason: str) -> Fact:
    """The copies of the model that run, with all that the route table needs."""
    return Fact(
        "CapacityChanged",
        {
            "model_id": model.model_id,
            "generation": model.generation,
            "version": model.version,
            "desired": model.desired,
            "running": model.running,
            "targets": model.targets(),
            "reason": reason,
            "model": dict(model.spec),
        },
    )


def _with_capacity(model: Model, seen: TaskObservation, failure: Failure | None, now: str) -> Model:
    if troubles.still_waits(model, seen):
        return model
    if model.running >= max(model.desired, 1):
        return model.with_condition(Aspect.CAPACITY_AVAILABLE, True, "TasksRunning", now)
    if failure:
        return model.with_condition(Aspect.CAPACITY_AVAILABLE, False, _reason(failure.code), now, failure.message)
    if seen.stopped:
        return model.with_condition(Aspect.CAPACITY_AVAILABLE, False, "TaskStopped", now)
    return model.with_condition(Aspect.CAPACITY_AVAILABLE, False, "TasksStarting", now)


def _condemned(model: Model, target_id: str, failure: Failure, now: str) -> tuple[Model, list[Fact]]:
    """With the copy marked as one that will never answer: routing lets go of it for good, and ECS is asked to replace it."""
    task = next((t for t in model.tasks if t.task_id == target_id and t.target_status == "running"), None)
    deployment = model.deployment_of(task.generation) if task else None
    if task is None or deployment is None or deployment.retiring or model.status in _QUIET:
        return model, []
    after = replace(model, tasks=tuple(replace(t, condemned=failure) if t is task else t for t in model.tasks))
    if after.running < max(after.desired, 1):
        after = after.with_condition(Aspect.CAPACITY_AVAILABLE, False, _reason(failure.code), now, failure.message)
    return after, [capacity_changed(after, f"task {target_id} is to be replaced: {failure.code}")]


def _with_failed_start(model: Model, operation: Operation | None, target_id: str, failure: Failure, now: str) -> tuple[Model, Moves]:
    if operation is None or operation.goal not in _BRINGING or operation.doom:
        return model, ()
    counted = target_id not in model.failed_starts and failure.code not in tasks.WAITS
    starts = (*model.failed_starts, target_id) if counted else model.failed_starts
    after = replace(model, failed_starts=starts)
    if operation.goal is Goal.SERVE:
        after = after.with_condition(Aspect.ENGINE_READY, False, _reason(failure.code), now, failure.message)
    if tasks.gives_up(failure, len(starts)):
        return after, [(operation, operation.moved(now, doom=failure))]
    return after, ()


def _advance(phase: str, fraction: float | None) -> tuple[int, float]:
    """How far a start has come, for comparison."""
    return _PHASES.index(phase) if phase in _PHASES else -1, fraction or 0.0


def _near(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) < _PROGRESS_STEP


def _reason(code: str) -> str:
    """`weights-corrupt` → `WeightsCorrupt`, the form that reasons have everywhere."""
    return "".join(word.capitalize() for word in code.replace(".", "-").split("-"))
