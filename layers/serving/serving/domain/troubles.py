"""What keeps a model from being served as it should be, though nobody has done anything wrong to it: told once, waited out, within limits.

A shortage of capacity is waited out until the operation's deadline; a host that AWS takes back is left before it goes; an engine that dies
again and again is named for it, as long as it does. Each is a condition with its code as reason, and a fact when it begins and ends.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from serving.domain.change import Change, change
from serving.domain.model import Aspect, Condition, Deployment, Fact, Failure, LiveTask, Model, Status
from serving.domain.operation import Goal, Operation
from serving.domain.tasks import WAITS, TaskObservation
from serving.domain.waits import route_is_open

WAITING_PHASE = "waiting-for-capacity"
"""An operation's phase while there is no instance for its tasks."""

FLAPPING_DEATHS = 3
FLAPPING_WINDOW = timedelta(minutes=30)
"""So many deaths of engines within so long a time, while the model is in service, are no accident any more.

Where a start takes its time, so does its failing: the window is as long as four starts of this model, if that is longer.
"""

FUTILE_LIMIT = 3
"""Copies that die in a row without having answered, of a model in service: each may have cost twenty minutes of a GPU for nobody."""

_DEATHS_REMEMBERED = 10
_NOT_PLACED = frozenset({"", "PROVISIONING"})
_UNTOUCHED = frozenset({Status.DELETING, Status.FAILED, Status.STOPPING, Status.STOPPED})
_SERVING = frozenset({Goal.SERVE, Goal.UPDATE})
_FLAPPING = "health-flapping"
_HINT = "Read the engine's log before each death; a newer engine version, more memory or a lower load may help. The model stays in service."
Moves = Sequence[tuple[Operation | None, Operation]]


def reason_of(code: str) -> str:
    """`weights-corrupt` → `WeightsCorrupt`, the form that reasons have everywhere."""
    return "".join(word.capitalize() for word in code.replace(".", "-").split("-"))


_REASONS = frozenset(map(reason_of, [*WAITS, _FLAPPING, "deployment-failed", "start-impaired", "task-configuration-invalid"]))
"""Reasons of conditions that are troubles, and not just steps on a way."""


def shortage(model: Model, operation: Operation | None, generation: int, failure: Failure, now: str) -> Change | None:
    """ECS has no place for tasks of the service that was made for `generation`. Old news, if all of them have one by now."""
    deployment = _sought(model, generation)
    if deployment is None:
        return None
    moves = _moved(operation, WAITING_PHASE, now)
    return _troubled(model, _held(model, Aspect.CAPACITY_AVAILABLE, failure, now), failure, moves)


def impaired(model: Model, generation: int, failure: Failure, now: str) -> Change | None:
    """ECS says that tasks do not start; what single tasks have died of is the better reason, where it is known."""
    if _sought(model, generation) is None or _reason(model, Aspect.CAPACITY_AVAILABLE) not in {"TasksStarting", "TaskStopped", None}:
        return None
    return _troubled(model, _held(model, Aspect.CAPACITY_AVAILABLE, failure, now), failure, ())


def given_up(model: Model, operation: Operation | None, generation: int, failure: Failure, now: str) -> Change | None:
    """ECS will start no more tasks of this service: the start that waits for them has failed."""
    if _sought(model, generation) is None:
        return None
    moves: Moves = ()
    if operation and operation.goal in _SERVING and not operation.doom and model.generation == generation:
        moves = [(operation, operation.moved(now, doom=failure))]
    return _troubled(model, _held(model, Aspect.CAPACITY_AVAILABLE, failure, now), failure, moves)


def steady(model: Model, now: str) -> Change | None:
    """ECS says that the service has what it wants; so it is, if we see the tasks too."""
    if _reason(model, Aspect.CAPACITY_AVAILABLE) not in _REASONS or model.running < max(model.desired, 1):
        return None
    after = model.with_condition(Aspect.CAPACITY_AVAILABLE, True, "TasksRunning", now)
    return change(model, after, facts=told(model, after, None))


def calmed(model: Model, now: str) -> Change | None:
    """The engines have not died for a while; nothing tells of that but time, so the sweep asks."""
    if _reason(model, Aspect.ENGINE_READY) != reason_of(_FLAPPING) or flaps(model, now) or not route_is_open(model):
        return None
    after = replace(model, deaths=()).with_condition(Aspect.ENGINE_READY, True, "AnsweredACompletion", now)
    return change(model, after, facts=told(model, after, None))


def leaving(model: Model, tasks: Sequence[str], failure: Failure, now: str) -> tuple[Model, bool]:
    """AWS takes back the hosts of these tasks. Their requests go elsewhere at once if there is an elsewhere: only then is True answered.

    The last copies serve as long as they can: two minutes of answers are better than none.
    """
    going = {t.task_id for t in model.tasks if t.task_id in tasks and t.target_status == "running"}
    if not going or model.status in _UNTOUCHED:
        return model, False
    after = _held(model, Aspect.CAPACITY_AVAILABLE, failure, now)
    if len(going) >= model.running:
        return after, False
    moved = (replace(t, desired_status="STOPPED") if t.task_id in going else t for t in model.tasks)
    return replace(after, tasks=tuple(moved)), True


def at_risk(model: Model, tasks: Sequence[str], message: str, now: str) -> Change | None:
    """AWS expects to take back the hosts of these tasks soon. ECS does nothing about it yet, and neither do we but say so."""
    if not {t.task_id for t in model.tasks} & set(tasks) or model.running < max(model.desired, 1) or model.status in _UNTOUCHED:
        return None
    after = model.with_condition(Aspect.CAPACITY_AVAILABLE, True, "InterruptionLikely", now, message)
    return change(model, after) if after != model else None


def with_death(model: Model, failure: Failure, now: str) -> Model:
    """An engine has died while the model was in service; one that lost its host has not died of itself."""
    if model.status is not Status.IN_SERVICE or failure.code in WAITS:
        return model
    answered = route_is_open(model)  # the death is told by ECS before routing closes the route for it
    after = replace(model, deaths=(*model.deaths, now)[-_DEATHS_REMEMBERED:], futile=0 if answered else model.futile + 1)
    return _flapping(after, failure.message, now) if flaps(after, now) else after


def flaps(model: Model, now: str) -> bool:
    """Whether engines have died so often lately that readiness now says little about the next minute."""
    horizon = datetime.fromisoformat(now) - _window(model)
    return sum(datetime.fromisoformat(death) > horizon for death in model.deaths) >= FLAPPING_DEATHS


def is_futile(model: Model, generation: int) -> bool:
    """Whether trying on costs and serves nobody: copies of that deployment die one after the other before they answer."""
    return model.status is Status.IN_SERVICE and model.futile >= FUTILE_LIMIT and model.deployment_of(generation) is not None


def replaceable(model: Model, now: str) -> list[LiveTask]:
    """Copies that will never answer and that ECS keeps all the same: it shall end them, and then start others in their place.

    Not while copies die all the time and others answer: those that wait for their end cost no more than the next in their place would.
    """
    if model.status in _UNTOUCHED or (flaps(model, now) and route_is_open(model)):
        return []
    return [task for task in model.tasks if task.condemned and task.desired_status != "STOPPED"]


def phases(operation: Operation | None, moves: Moves, seen: TaskObservation, failure: Failure | None, now: str) -> Moves:
    """With the operation's phase moved on, where a task has found its place, or lost it."""
    if moves:
        return moves
    if failure and failure.code in WAITS:
        return _moved(operation, WAITING_PHASE, now)
    placed = not seen.stopped and seen.last_status not in _NOT_PLACED
    return _moved(operation, "launching", now) if placed and operation and operation.phase == WAITING_PHASE else ()


def still_waits(model: Model, seen: TaskObservation) -> bool:
    """Whether this task is one more that has no place yet, so that the reason told before still holds."""
    return seen.last_status in _NOT_PLACED and _reason(model, Aspect.CAPACITY_AVAILABLE) in _REASONS


def told(before: Model, after: Model, failure: Failure | None) -> list[Fact]:
    """A fact for each trouble that begins between the two, and for each that has passed. `failure` is what began."""
    facts: list[Fact] = []
    for aspect in (Aspect.CAPACITY_AVAILABLE, Aspect.ENGINE_READY):
        old, new = _condition(before, aspect), _condition(after, aspect)
        if new is None or (old and (old.status, old.reason) == (new.status, new.reason)):
            continue
        about = {"model_id": after.model_id, "generation": after.generation, "condition": aspect.value}
        if new.status == "False" and new.reason in _REASONS:
            what = Failure(_FLAPPING, new.message, _HINT) if new.reason == reason_of(_FLAPPING) else failure
            if what:
                facts.append(Fact("ModelDegraded", about | {"failure": vars(what), "running": after.running}))
        elif old and old.reason in _REASONS:
            facts.append(Fact("ModelRecovered", about | {"was": old.reason, "since": old.since, "running": after.running}))
    return facts


def _sought(model: Model, generation: int) -> Deployment | None:
    """The service for which tasks are still sought; None if all have a place, or nobody wants any."""
    deployment = model.deployment_of(generation)
    if model.deleted or deployment is None or deployment.retiring or model.status in _UNTOUCHED or model.desired == 0:
        return None
    placed = sum(t.last_status not in _NOT_PLACED for t in model.tasks_of(deployment))
    return None if placed >= model.desired else deployment


def _held(model: Model, aspect: Aspect, failure: Failure, now: str) -> Model:
    """With the aspect false for this reason; ECS repeats itself in ever other words, and those are no news."""
    old = _condition(model, aspect)
    if old and (old.status, old.reason) == ("False", reason_of(failure.code)):
        return model
    return model.with_condition(aspect, False, reason_of(failure.code), now, failure.message)


def _troubled(model: Model, after: Model, failure: Failure, moves: Moves) -> Change | None:
    if after == model and not moves:
        return None
    return change(model, after, operations=moves, facts=told(model, after, failure))


def _flapping(model: Model, message: str, now: str) -> Model:
    minutes = int(_window(model).total_seconds() // 60)
    words = f"Engines have died {FLAPPING_DEATHS} times or more within {minutes} minutes. The last time: {message}"
    return model.with_condition(Aspect.ENGINE_READY, False, reason_of(_FLAPPING), now, words)


def _window(model: Model) -> timedelta:
    return max(FLAPPING_WINDOW, timedelta(seconds=4 * (model.expected_start or 0.0)))


def _moved(operation: Operation | None, phase: str, now: str) -> Moves:
    if operation is None or operation.goal not in _SERVING or operation.phase == phase or operation.doom:
        return ()
    return [(operation, operation.moved(now, phase=phase, progress=None))]


def _condition(model: Model, aspect: Aspect) -> Condition | None:
    return next((c for c in model.conditions if c.type == aspect), None)


def _reason(model: Model, aspect: Aspect) -> str | None:
    found = _condition(model, aspect)
    return found.reason if found else None
