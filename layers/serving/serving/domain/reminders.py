"""What others need to know, told again where it, or their answer, seems to be lost on the way: whoever is told answers how it stands."""

from dataclasses import replace

from serving.domain.change import Change, change
from serving.domain.commands import halting, removal, requested, updated
from serving.domain.model import Fact, Model, RouteView, Status
from serving.domain.moments import seconds_between
from serving.domain.observations import capacity_changed
from serving.domain.operation import Goal, Operation, Step

SILENCE_SECONDS = 300
"""After so long without news from routing it is asked again: engines that load, and copies that come, tell more often than that."""


def remind(model: Model, operation: Operation | None, step: Step | None, now: str) -> Change | None:
    """The facts to be told again, where `operation` waits at `step` or, without one, at rest; None where nothing is missing."""
    facts = _awaited(model, operation, step, now) if operation else _at_rest(model, now)
    operations = [(operation, operation.moved(now))] if operation else []
    return change(model, model, operations=operations, facts=facts) if facts else None


def _awaited(model: Model, operation: Operation, step: Step | None, now: str) -> list[Fact]:
    """After a long silence it may also be the word that a route has opened that was lost."""
    behind = _behind(model) or seconds_between(operation.updated_at, now) >= SILENCE_SECONDS
    if step is Step.VALIDATION:
        return [requested(model, operation)]
    if step is Step.UPDATE_READY:
        return [updated(model, operation)]
    if step in {Step.LAUNCH, Step.APPLIED} and model.hosting == "hosted":
        return _copies(model) if behind or _differ(model) else []
    if step in {Step.LAUNCH, Step.APPLIED} and behind:
        return [updated(model, operation)]
    if step is Step.PROVIDER_ROUTE and behind:
        return [requested(model, operation)]
    if step is Step.ROUTE_CLOSED and behind:
        return [halting(model, operation) if operation.goal is Goal.HALT else removal(model, operation)]
    return []


def _at_rest(model: Model, now: str) -> list[Fact]:
    """Where nobody waits: a wish that routing does not follow, copies that it does not know or seems not to have seen answer, a route
    that should be closed."""
    if model.status in {Status.FAILED, Status.STOPPED}:
        return _closing(model)
    if model.hosting == "hosted":
        return _copies(model) if _behind(model) or _differ(model) or _unready(model, now) else []
    # Routing answers every change, and a model comes into service with its answer: only one that was taken back can be unheard.
    return [_taken_back(model, model.undone)] if model.undone and _behind(model) else []


def _behind(model: Model) -> bool:
    return model.route is None or model.route.generation < model.generation


def _live(model: Model) -> set[str]:
    return {target["target_id"] for target in model.targets() if target["status"] != "stopping"}


def _differ(model: Model) -> bool:
    """Whether routing knows other copies, or waits for the end of one that has ended."""
    if model.route is None:
        return bool(_live(model))
    return _live(model) != set(model.route.targets) or not set(model.route.draining) <= {task.task_id for task in model.tasks}


def _unready(model: Model, now: str) -> bool:
    """Whether copies have, as far as we have heard, not answered for long. They may have, and the word of it be lost."""
    route = model.route or RouteView("", 0, 0)
    if route.state == "open" and _live(model) <= set(route.ready):
        return False
    return not route.heard_at or seconds_between(route.heard_at, now) >= SILENCE_SECONDS


def _copies(model: Model) -> list[Fact]:
    return [capacity_changed(model, "told again: routing seems not to have heard of it")] if _live(model) else []


def _closing(model: Model) -> list[Fact]:
    """What should have closed the route came behind a newer wish, as history. A sleeper's is not closed."""
    route = model.route
    if route is None or route.state not in {"open", "probing"} or route.generation < model.served_from or model.asleep:
        return []
    closing = capacity_changed(model, "told again: the model is out of service, and its route is not closed")
    return [replace(closing, data=closing.data | {"desired": 0})]


def _taken_back(model: Model, operation_id: str) -> Fact:
    """`ModelUpdated` of a third party's model whose last change was taken back: what it serves is what it served before."""
    told = {"model_id": model.model_id, "generation": model.generation, "operation_id": operation_id, "changes": {}}
    return Fact("ModelUpdated", told | {"model": dict(model.spec), "change_class": "hot", "rolled_back": True}, wish=True)
