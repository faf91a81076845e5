"""Aggregates as the management API shows them; `contracts.views` says the same in types, and tests compare the two."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kit.caller import Caller
from kit.clock import iso, parse
from kit.errors import NotFound
from kit.ids import moment_of
from serving.domain.agenda import schedule_of
from serving.domain.model import Model
from serving.domain.operation import Operation
from serving.domain.schedule import local, next_boundary
from serving.ports import LedgerEntry, Store


def accepted(operation: Operation, generation: int) -> dict[str, Any]:
    """What is answered to an accepted command and remembered for its repetition: the body, and the model's generation for the ETag."""
    body = {
        "operation_id": operation.operation_id,
        "model_id": operation.model_id,
        "status": operation.status.value,
        "links": {"operation": f"/operations/{operation.operation_id}", **model_links(operation.model_id)},
    }
    return {"body": body, "generation": generation}


def model_links(model_id: str) -> dict[str, str]:
    """Where to look next."""
    return {"model": f"/models/{model_id}", "events": f"/models/{model_id}/events"}


def next_action(shown: Model, now: datetime) -> dict[str, str] | None:
    """What the model's schedule does next, and when; None where none acts on it."""
    schedule = schedule_of(shown)
    coming = next_boundary(schedule, now) if schedule else None
    return {"action": coming.action, "at": iso(coming.at), "local": local(schedule, coming.at)} if schedule and coming else None


def model(shown: Model, now: datetime) -> dict[str, Any]:
    """The body of `GET /models/{id}`."""
    wish = dict(shown.spec)
    if "capacity" in wish:
        wish["capacity"] = {**wish["capacity"], "running": shown.running}
    links = {"self": f"/models/{shown.model_id}", "events": f"/models/{shown.model_id}/events"}
    if shown.operation:
        links["operation"] = f"/operations/{shown.operation}"
    return wish | {
        "status": shown.status.value,
        "conditions": [vars(condition) for condition in shown.conditions],
        "generation": shown.generation,
        "observed_generation": shown.observed_generation,
        "failure": vars(shown.failure) if shown.failure else None,
        "operation": shown.operation,
        "created_by": shown.created_by,
        "created_at": shown.created_at,
        "updated_by": shown.updated_by,
        "updated_at": shown.updated_at,
        "next_action": next_action(shown, now),
        "links": links,
    }


def operation(shown: Operation) -> dict[str, Any]:
    """The body of `GET /operations/{id}`."""
    return {
        "operation_id": shown.operation_id,
        "model_id": shown.model_id,
        "kind": shown.kind,
        "status": shown.status.value,
        "reason": vars(shown.reason) if shown.reason else None,
        "phase": shown.phase,
        "progress": shown.progress,
        "created_by": shown.created_by,
        "created_at": shown.created_at,
        "updated_at": shown.updated_at,
        "ended_at": shown.ended_at,
        "links": {"self": f"/operations/{shown.operation_id}", **model_links(shown.model_id)},
    }


def timeline_entry(row: LedgerEntry) -> dict[str, Any]:
    """One element of `GET /models/{id}/events`."""
    document, metadata = row.document, row.document["metadata"]
    return {
        "revision": row.revision,
        "event_id": metadata["id"],
        "event_type": document["event_type"],
        "occurred_at": metadata["occurred_at"],
        "actor": metadata["actor"],
        "correlation_id": metadata["correlation_id"],
        "causation_id": metadata["causation_id"],
        "cause": {"id": metadata["causation_id"], "type": metadata.get("causation_type")} if metadata["causation_id"] else None,
        "duration_seconds": _since_acceptance(metadata),
        "data": document["data"],
        "before": document["before"],
        "after": document["after"],
    }


def _since_acceptance(metadata: Mapping[str, Any]) -> float | None:
    """An operation's id is a ULID, made when it was accepted; what belongs to no operation bears AWS's or the request's id."""
    accepted_at = moment_of(metadata["correlation_id"])
    return max(0.0, round((parse(metadata["occurred_at"]) - accepted_at).total_seconds(), 3)) if accepted_at else None


def visible_model(store: Store, caller: Caller, model_id: str) -> Model:
    """The living model; NotFound if there is none, or none for this caller."""
    found = store.model(model_id)
    if found is None or found.deleted or not caller.may_see(model_id, found.allowed_groups):
        raise NotFound("model-not-found", f"there is no model {model_id}")
    return found


def visible_operation(store: Store, caller: Caller, operation_id: str) -> Operation:
    """The operation; NotFound if there is none, or none for this caller."""
    found = store.operation(operation_id)
    if found is None or not caller.may_see(found.model_id, found.allowed_groups):
        raise NotFound("operation-not-found", f"there is no operation {operation_id}")
    return found
