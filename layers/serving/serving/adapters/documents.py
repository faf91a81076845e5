"""Aggregates and operations as the JSON documents of their rows: to be written at once and not to be changed, for they are not copies.

A release reads what the one before wrote, and, when it has taken the place of a newer one, what that wrote: fields that are missing have
their defaults, and fields that it does not know are passed over, and gone with the next write.
"""

from collections.abc import Mapping
from typing import Any

from kit.row import known
from serving.domain.model import Condition, Deployment, Failure, LiveTask, Model, RouteView, Status, User, Verdict
from serving.domain.operation import Goal, Operation, OperationStatus, Step, Strategy, Wait
from serving.domain.tasks import TaskObservation

Document = dict[str, Any]


def of_model(model: Model) -> Document:
    """The document of a model's row."""
    return vars(model)


def model(document: Mapping[str, Any]) -> Model:
    """The model in a row's document."""
    d = dict(document)
    former = d.pop("deployment", None)  # rows of releases that knew one deployment a model
    if former and not d.get("deployments"):
        d["deployments"] = ({**former, "version": str(d["spec"].get("version", ""))},)
    return Model(
        **{
            **known(Model, d),
            "status": Status(d["status"]),
            "conditions": tuple(Condition(**known(Condition, c)) for c in d.get("conditions", ())),
            "failure": _failure(d.get("failure")),
            "deployments": tuple(Deployment(**known(Deployment, one)) for one in d.get("deployments", ())),
            "deaths": tuple(d.get("deaths", ())),
            "start_seconds": tuple(d.get("start_seconds", ())),
            "tasks": tuple(LiveTask(**{**known(LiveTask, t), "condemned": _failure(t.get("condemned"))}) for t in d.get("tasks", ())),
            "failed_starts": tuple(d.get("failed_starts", ())),
            "users": tuple(User(**known(User, user)) for user in d.get("users", ())),
            "route": _route(d.get("route")),
            "verdict": _verdict(d.get("verdict")),
        }
    )


def of_operation(operation: Operation) -> Document:
    """The document of an operation's row."""
    return vars(operation)


def operation(document: Mapping[str, Any]) -> Operation:
    """The operation in a row's document."""
    d = dict(document)
    return Operation(
        **{
            **known(Operation, d),
            "goal": Goal(d["goal"]),
            "status": OperationStatus(d["status"]),
            "allowed_groups": tuple(d.get("allowed_groups", ())),
            "reason": _failure(d.get("reason")),
            "doom": _failure(d.get("doom")),
            "relapse": _failure(d.get("relapse")),
            "supersedes_goal": Goal(d["supersedes_goal"]) if d.get("supersedes_goal") else None,
            "strategy": Strategy(d["strategy"]) if d.get("strategy") else None,
        }
    )


def of_wait(wait: Wait) -> Document:
    """The document of a wait's row."""
    return vars(wait)


def wait(document: Mapping[str, Any]) -> Wait:
    """The wait in a row's document."""
    return Wait(**{**known(Wait, document), "step": Step(document["step"])})


def of_observation(observation: TaskObservation) -> Document:
    """The document of a task's row."""
    return vars(observation)


def _route(document: Mapping[str, Any] | None) -> RouteView | None:
    if document is None:
        return None
    return RouteView(**{**known(RouteView, document), **{name: tuple(document.get(name, ())) for name in ("ready", "targets", "draining")}})


def _failure(document: Mapping[str, Any] | None) -> Failure | None:
    return Failure(**known(Failure, document)) if document else None


def _verdict(document: Mapping[str, Any] | None) -> Verdict | None:
    return Verdict(**{**known(Verdict, document), "failure": _failure(document.get("failure"))}) if document else None
