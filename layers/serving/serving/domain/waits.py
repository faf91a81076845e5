"""Whether what a state machine waits for has become true, decided from what is known now and not from the event that prompted it."""

from dataclasses import dataclass

from serving.domain.commands import CANCELLED
from serving.domain.model import Failure, Model
from serving.domain.operation import Goal, Operation, Step

PHASES: dict[Step, str] = {
    Step.VALIDATION: "validating",
    Step.LAUNCH: "launching",
    Step.PROVIDER_ROUTE: "probing",
    Step.ROUTE_CLOSED: "closing-route",
    Step.ENGINES_STOPPED: "stopping-engines",
}
"""What an operation's `phase` says while it waits there; the engine's own phase takes its place once known."""


@dataclass(frozen=True)
class Awaited:
    """`true` = go on, `failure` = it never will be, neither = wait."""

    true: bool = False
    failure: Failure | None = None


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
    if operation.goal is Goal.SERVE:
        if operation.cancelled_by:
            return Awaited(failure=CANCELLED)
        if operation.doom:
            return Awaited(failure=operation.doom)
    match step:
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
    return model.route.state in {"closed", "removed"}


def _validated(model: Model, operation: Operation) -> Awaited:
    verdict = model.verdict
    if verdict is None or not model.fits(verdict):
        return WAIT
    if verdict.validated:
        return Awaited(true=True)
    # A rejection from an earlier operation says nothing: the artefact may have been put right since, and is being looked at again.
    return Awaited(failure=verdict.failure) if verdict.operation_id == operation.operation_id else WAIT
