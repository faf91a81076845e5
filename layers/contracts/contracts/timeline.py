"""Rows of serving's table as the timeline shows them, to those who page through it and those who follow it live. Standard library only."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

MODEL_PARTITION: Final = "MODEL#"
MODEL_KEY: Final = "MODEL"
LEDGER_PREFIX: Final = "LEDGER#"
OPERATION_PARTITION: Final = "OPERATION#"
OPERATION_KEY: Final = "OPERATION"
ENDS: Final = frozenset({"Succeeded", "Failed", "Superseded", "Cancelled"})

_ULID_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID_LENGTH: Final = 26
_SHOWN: Final = (
    "operation_id",
    "model_id",
    "kind",
    "status",
    "reason",
    "phase",
    "progress",
    "created_by",
    "created_at",
    "updated_at",
    "ended_at",
)


def entry_view(document: Mapping[str, Any]) -> dict[str, Any]:
    """A ledger row's document as `responses.TimelineEntry`."""
    metadata = document["metadata"]
    causation_id = metadata["causation_id"]
    return {
        "revision": int(document["revision"]),
        "event_id": metadata["id"],
        "event_type": document["event_type"],
        "occurred_at": metadata["occurred_at"],
        "actor": metadata["actor"],
        "correlation_id": metadata["correlation_id"],
        "causation_id": causation_id,
        "cause": {"id": causation_id, "type": metadata.get("causation_type")} if causation_id else None,
        "duration_seconds": _since_acceptance(metadata),
        "data": document["data"],
        "before": document["before"],
        "after": document["after"],
    }


def operation_view(document: Mapping[str, Any]) -> dict[str, Any]:
    """An operation row's document as `responses.Operation`."""
    model = f"/models/{document['model_id']}"
    links = {"self": f"/operations/{document['operation_id']}", "model": model, "events": f"{model}/events"}
    return {name: document.get(name) for name in _SHOWN} | {"links": links}


def _since_acceptance(metadata: Mapping[str, Any]) -> float | None:
    """An operation's id is a ULID, made when it was accepted; what belongs to no operation bears AWS's or the request's id."""
    accepted_at = _moment_of(metadata["correlation_id"])
    if accepted_at is None:
        return None
    return max(0.0, round((datetime.fromisoformat(metadata["occurred_at"]) - accepted_at).total_seconds(), 3))


def _moment_of(text: str) -> datetime | None:
    if len(text) != _ULID_LENGTH or any(character not in _ULID_ALPHABET for character in text):
        return None
    milliseconds = 0
    for character in text[:10]:
        milliseconds = milliseconds * 32 + _ULID_ALPHABET.index(character)
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError):  # ten characters reach beyond the last year there is
        return None
