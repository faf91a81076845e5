"""Aggregates as the management API shows them; `contracts.views` says the same in types, and tests compare the two."""

from datetime import datetime
from typing import Any

from contracts.timeline import entry_view
from kit.caller import Caller
from kit.clock import iso
from kit.errors import NotFound
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
        wish["capacity"] = {**wish["capacity"], "running": shown.running, "wanted": shown.wanted}
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
        "used_by": [vars(user) for user in shown.users],
        "asleep": shown.asleep,
        "expected_start_seconds": shown.expected_start,
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
        "strategy": shown.strategy.value if shown.strategy else None,
        "created_by": shown.created_by,
        "created_at": shown.created_at,
        "updated_at": shown.updated_at,
        "ended_at": shown.ended_at,
        "links": {"self": f"/operations/{shown.operation_id}", **model_links(shown.model_id)},
    }


def timeline_entry(row: LedgerEntry) -> dict[str, Any]:
    """One element of `GET /models/{id}/events`; the live stream shows the same."""
    return entry_view(row.document)


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
