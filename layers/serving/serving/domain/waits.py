"""Whether what a state machine waits for has become true, decided from what is known now and not from the event that prompted it."""

from dataclasses import dataclass, replace

from serving.domain.commands import CANCELLED
from serving.domain.model import Failure, Model
from serving.domain.operation import Goal, Operation, Step, Strategy

PHASES: dict[Step, str] = {
    Step.VALIDATION: "validating",
    Step.LAUNCH: "launching",
    Step.PROVIDER_ROUTE: "probing",
    Step.UPDATE_READY: "validating",
    Step.APPLIED: "applying",
    Step.ROUTE_CLOSED: "closing-route",
    Step.ENGINES_STOPPED: "stopping-engines",
}
"""What an operation's `phase` says while it waits there; the engine's own phase takes its place once known."""


@dataclass(frozen=True)
class Awaited:
    """`true` = go on, `failure` = it never will be, neither = wait. `decision` is what the machine's next Choice reads."""

    true: bool = False
    failure: Failure | None = None
    decision: str = "proceed"


WAIT = Awaited()


def is_current(model: Model | None, operation: Operation | None) -> bool:
    """Whether the operation is still the one that decides over the model; what comes from any other changes nothing."""
    return (
        model is not None
        and operation is not None
        and not model.deleted
        and not operation.ended
        and model.operation == operation.operation_id
        and model.generation == operation.generation
    )


def awaited(step: Step, model: Model, operation: Operation, *, engines_left: bool) -> Awaited:
    """How it stands with what `step` waits for. `engines_left` counts only where engines are being stopped."""
    if step is not Step.ENGINES_STOPPED and (failure := _lost(operation)):
        return Awaited(failure=failure)
    match step:
        case Step.UPDATE_READY:
            return _ready_for(model, operation)
        case Step.APPLIED:
            return Awaited(true=_applied(model, operation))
        case Step.LAUNCH if operation.goal is Goal.UPDATE:
            return Awaited(true=_taken_over(model, operation))
        case Step.VALIDATION:
            return _validated(model, operation)
        case Step.LAUNCH | Step.PROVIDER_ROUTE:
            return Awaited(true=route_is_open(model))
        case Step.ROUTE_CLOSED:
            return Awaited(true=route_is_closed(model))
        case Step.ENGINES_STOPPED:
            return Awaited(true=not engines_left)


def route_is_open(model: Model) -> bool:
    """Whether users reach the model as it is wanted now."""
    return model.route is not None and model.route.state == "open" and model.route.generation >= model.generation


def route_is_closed(model: Model) -> bool:
    """Whether no user reaches the model any more. Where nothing was ever exposed there is no route to close."""
    if model.route is None or model.route.generation < model.served_from:
        return model.hosting == "hosted" and not model.exposed
    return model.route.state in {"closed", "removed", "asleep"}


def _lost(operation: Operation) -> Failure | None:
    """Why the operation will not reach its goal any more, if that is certain."""
    if operation.goal not in {Goal.SERVE, Goal.UPDATE}:
        return None
    return CANCELLED if operation.cancelled_by and operation.relapse is None else operation.doom


def ready_copies(model: Model) -> int:
    """How many copies of the wanted deployment take requests."""
    ready = model.route.ready if model.route else ()
    return sum(1 for task in model.tasks_of(model.deployment) if task.task_id in ready)


def _ready_for(model: Model, operation: Operation) -> Awaited:
    """Whether an update may begin: one that brings another artefact waits until that has been found to be what it claims."""
    decision = operation.strategy.value if operation.strategy else ""
    if model.hosting == "provider" or not _brings_artifact(model, operation):
        return Awaited(true=True, decision=decision)
    return replace(_validated(model, operation), decision=decision)


def _brings_artifact(model: Model, operation: Operation) -> bool:
    base = operation.base or {}
    return (base.get("version"), base.get("artifact")) != (model.spec.get("version"), model.spec.get("artifact"))


def _applied(model: Model, operation: Operation) -> bool:
    """Whether routers follow the new wish, and as many copies run as it asks for."""
    if model.route is None or model.route.generation < model.generation:
        return False
    if model.hosting == "provider":
        rerouted = (operation.base or {}).get("provider") != model.spec.get("provider")
        return not rerouted or f"provider-g{model.generation}" in model.route.ready
    if operation.strategy is Strategy.SCALE:
        return len(model.tasks) == model.running == model.desired and ready_copies(model) >= model.desired
    return True


def _taken_over(model: Model, operation: Operation) -> bool:
    """Whether the new copies answer: all of them where old ones go on until then, else the first."""
    if model.deployment is None or model.deployment.generation != model.generation:
        return False  # the new ones have not been asked for yet
    wanted = model.desired if operation.strategy is Strategy.SURGE and operation.relapse is None else 1
    return ready_copies(model) >= max(wanted, 1)


def _validated(model: Model, operation: Operation) -> Awaited:
    verdict = model.verdict
    if verdict is None or not model.fits(verdict):
        return WAIT
    if verdict.validated:
        return Awaited(true=True)
    # A rejection from an earlier operation says nothing: the artefact may have been put right since, and is being looked at again.
    return Awaited(failure=verdict.failure) if verdict.operation_id == operation.operation_id else WAIT
