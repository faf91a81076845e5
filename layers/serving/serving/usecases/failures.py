"""From the words of AWS and of the contracts to a failure with code, sentence and hint."""

import json
from collections.abc import Mapping
from typing import Any

from contracts.engine import FAILURES, failure_of_stop
from serving.domain.model import Aspect, Failure, Model
from serving.domain.operation import Operation, Step
from serving.domain.tasks import TaskObservation, ended_as_asked, ended_unhealthy
from serving.domain.troubles import WAITING_PHASE, reason_of

_TIMEOUTS = frozenset({"States.Timeout", "States.HeartbeatTimeout"})
_SILENCE: dict[Step | None, Failure] = {
    Step.VALIDATION: Failure(
        "validation-timeout", "The artefact was not validated in time.", "Retry; if it recurs, look at the registry's dead letters."
    ),
    Step.LAUNCH: Failure(
        "engine-start-timeout",
        "The engine did not become ready in time.",
        "Look at the engine's log; check that instances can be had and that a router runs and reaches the engine.",
    ),
    Step.PROVIDER_ROUTE: Failure(
        "provider-timeout",
        "No router had an answer from the provider in time.",
        "Check that a router runs, and the provider's name, model and secret.",
    ),
    Step.UPDATE_READY: Failure(
        "validation-timeout", "The artefact was not validated in time.", "Retry; if it recurs, look at the registry's dead letters."
    ),
    Step.APPLIED: Failure(
        "update-timeout",
        "The change did not take effect in time.",
        "Check that instances can be had and that a router runs; if it recurs, look at routing's dead letters.",
    ),
    Step.ROUTE_CLOSED: Failure(
        "route-timeout", "The route was not closed in time.", "Retry; if it recurs, look at routing's dead letters."
    ),
    Step.ENGINES_STOPPED: Failure("stop-timeout", "The engines did not stop in time.", "Send the command again."),
}
_UNKNOWN = Failure(
    "operation-failed", "The operation failed for an unexpected reason.", "Look at the execution's history; retry works from here."
)
_BY_REASON = {reason_of(code): code for code in FAILURES}
_MESSAGE_LIMIT = 1000


def known(code: str, message: str = "") -> Failure:
    """The failure with this code of the engine's contract, with a more precise sentence if there is one."""
    found = FAILURES[code]
    return Failure(code, message or found.message, found.hint)


def out_of_time(step: Step | None) -> Failure:
    """What it means that nothing was heard while the machine waited there."""
    return _SILENCE.get(step, Failure("operation-timeout", "The operation did not come to an end in time.", "Retry."))


def of_words(code: str, words: str, *, certain: bool = False) -> Failure | None:
    """What ECS's words about a service mean, with them in the sentence: None if they name no cause, `certain` = the failure `code` then."""
    found = failure_of_stop(None, words)
    if found is None and not certain:
        return None
    kind = found or FAILURES[code]
    return known(kind.code, f"{kind.message} ECS says: {words}"[:_MESSAGE_LIMIT] if words else "")


def last_known(model: Model, *aspects: Aspect) -> Failure | None:
    """The failure that the model's conditions name, the first of `aspects` that names one: by default its engine, then its capacity."""
    conditions = {condition.type: condition for condition in model.conditions if condition.status == "False"}
    for aspect in aspects or (Aspect.ENGINE_READY, Aspect.CAPACITY_AVAILABLE):
        condition = conditions.get(aspect)
        if condition and condition.reason in _BY_REASON:
            return known(_BY_REASON[condition.reason], condition.message)
    return None


def sharpened(cause: Failure, model: Model, operation: Operation) -> Failure:
    """The shortage that an operation has waited for in vain, where all that is known otherwise is that its time is up."""
    silent = cause.code in {"operation-timeout", *(silence.code for silence in _SILENCE.values())}
    if not silent or operation.phase != WAITING_PHASE:
        return cause
    return last_known(model, Aspect.CAPACITY_AVAILABLE) or cause


def failure_of(error: Mapping[str, Any] | None, step: Step | None) -> Failure:
    """The failure in a machine's `{"Error", "Cause"}`: one of ours as we sent it, an exception of ours, a time-out, or something else."""
    if error is None:
        return _UNKNOWN
    if error.get("Error") in _TIMEOUTS:
        return out_of_time(step)
    try:
        cause = json.loads(error.get("Cause") or "{}")
    except ValueError:
        return _UNKNOWN
    if not isinstance(cause, dict):
        return _UNKNOWN
    if isinstance(cause.get("code"), str):
        return Failure(cause["code"], str(cause.get("message", "")), str(cause.get("hint", "")))
    code, colon, sentence = str(cause.get("errorMessage", "")).partition(": ")
    if not colon or not all(part.isalnum() and part.islower() for part in code.split("-")):
        return _UNKNOWN
    hint = FAILURES[code].hint if code in FAILURES else "Correct what the message names, then retry."
    return Failure(code, sentence[:_MESSAGE_LIMIT], hint)


def death_of(seen: TaskObservation) -> Failure | None:
    """What a task died of; None if it lives, or ended because it was told to."""
    if not seen.stopped or ended_as_asked(seen):
        return None
    if ended_unhealthy(seen):
        return known("engine-unresponsive")
    found = failure_of_stop(seen.exit_code, *seen.reasons)
    if found is None and not seen.reasons:
        return None  # nothing is known of it but that it is gone
    code = found.code if found else "engine-crashed"
    told = next((words for words in reversed(seen.reasons) if " " in words), "")
    return known(code, f"{FAILURES[code].message} ECS says: {told}"[:_MESSAGE_LIMIT] if told else "")
