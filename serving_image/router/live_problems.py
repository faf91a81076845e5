"""Refusals of live streams: problem documents (RFC 9457), for these belong to the management API, and its clients read nothing else."""

from collections.abc import Mapping
from typing import Final

import orjson

from contracts.problems import LIVE_PROBLEMS, ProblemKind
from router.errors import ApiError

PREFIX: Final = "/live/"
CONTENT_TYPE: Final = b"application/problem+json"
_COME_BACK: Final = "Come back after Retry-After seconds, with Last-Event-ID: nothing is missed."
_KINDS: Final[Mapping[str, str]] = {
    "authentication_unavailable": "identity-unavailable",
    "invalid_api_key": "not-authenticated",
    "last_event_id_invalid": "last-event-id-invalid",
    "method_not_allowed": "method-not-allowed",
    "model_not_found": "model-not-found",
    "not_found": "path-not-found",
    "operation_not_found": "operation-not-found",
    "router_draining": "router-draining",
    "router_full": "router-full",
    "scope_missing": "scope-missing",
    "timeline_unavailable": "timeline-unavailable",
    "too_many_streams": "too-many-streams",
}
_HINTS: Final[Mapping[str, str]] = {
    "identity-unavailable": _COME_BACK,
    "internal-error": "Send the request id in `instance` to the operators.",
    "last-event-id-invalid": "Send the `id` of the last event that was heard, or leave the header out.",
    "method-not-allowed": "Send GET.",
    "model-not-found": "List models to see which are there for you.",
    "not-authenticated": "Send `Authorization: Bearer <token>` with a token that holds.",
    "operation-not-found": "Take the operation's id from the answer to the command.",
    "path-not-found": "Live streams are /live/models/{model_id}/events and /live/operations/{operation_id}.",
    "router-draining": _COME_BACK,
    "router-full": _COME_BACK,
    "scope-missing": "Use a token with the scope `models:read`.",
    "timeline-unavailable": _COME_BACK,
    "too-many-streams": "Close a stream, then come back.",
}


def kind_of(error: ApiError) -> ProblemKind:
    """The problem that an error of the router is here; what has no name of its own is a failure of ours."""
    return LIVE_PROBLEMS[_KINDS.get(error.code, "internal-error")]


def body(error: ApiError, instance: str) -> bytes:
    """The problem document, as the management API writes it; `instance` is the request id."""
    kind = kind_of(error)
    document = {
        "type": f"urn:slipway:problem:{kind.code}",
        "title": kind.code.replace("-", " ").capitalize(),
        "status": error.status,
        "detail": error.message,
        "code": kind.code,
        "instance": instance,
        "hint": _HINTS[kind.code],
    }
    return orjson.dumps(document)
