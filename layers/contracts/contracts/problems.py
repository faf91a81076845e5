"""Every stable problem code of the management API: its HTTP status and what it means. Codes are never renamed or reused."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One way for a request to be refused."""

    code: str
    status: int
    meaning: str


_KINDS: Final = (
    ProblemKind("body-not-json", 400, "The body is not JSON."),
    ProblemKind("body-not-object", 400, "The body is JSON, but no object."),
    ProblemKind("body-not-text", 400, "The body is not UTF-8 text."),
    ProblemKind("body-too-deep", 400, "The body nests deeper than 32 levels."),
    ProblemKind("idempotency-key-invalid", 400, "Idempotency-Key takes 1 to 255 visible ASCII characters."),
    ProblemKind("if-match-invalid", 400, "If-Match takes the generation in quotes, as the ETag gave it."),
    ProblemKind(
        "not-authenticated", 401, "Nobody can be recognised behind this request: no token, or one that is forged, expired or revoked."
    ),
    ProblemKind("scope-missing", 403, "The caller is known, and lacks the scope that this needs."),
    ProblemKind("group-not-yours", 403, "A caller may grant only groups that the caller is in."),
    ProblemKind("model-not-found", 404, "No such model, or none that the caller may know of."),
    ProblemKind("operation-not-found", 404, "No such operation, or none that the caller may know of."),
    ProblemKind("token-not-found", 404, "No such token, or none that the caller may know of."),
    ProblemKind("limits-not-found", 404, "This token, group or model has no limits of its own."),
    ProblemKind("schedule-not-found", 404, "The model has no schedule."),
    ProblemKind("version-not-found", 404, "No such version of this model."),
    ProblemKind("traffic-not-possible", 409, "The model is being deleted: its traffic is shared no longer."),
    ProblemKind("idempotency-key-reused", 409, "The same Idempotency-Key came before with another request."),
    ProblemKind("model-exists", 409, "A model with this id exists."),
    ProblemKind("operation-ended", 409, "The operation has ended; there is nothing to cancel."),
    ProblemKind("operation-not-cancellable", 409, "A deletion or a roll-back that has begun cannot be taken back."),
    ProblemKind("retry-not-possible", 409, "Only a failed model can be retried."),
    ProblemKind("operation-in-progress", 409, "Another operation on the model is under way; `operation` names it."),
    ProblemKind("update-not-possible", 409, "The model cannot be changed in its present status."),
    ProblemKind("start-not-possible", 409, "Only a stopped model can be started."),
    ProblemKind("stop-not-possible", 409, "Nothing of the model runs that could be stopped."),
    ProblemKind("delete-protected", 409, "The model is protected from deletion; set `delete_protection` to false first."),
    ProblemKind("model-in-use", 409, "Others depend on the model; `users` names each. Only a deletion is refused so."),
    ProblemKind("use-not-possible", 409, "The model is being deleted, or its deletion has failed: nothing may come to depend on it."),
    ProblemKind("users-too-many", 409, "As many depend on the model as can be remembered."),
    ProblemKind(
        "restart-acknowledgement-required",
        409,
        "The change replaces containers that run; `blast_radius` says what that means, `acknowledge` is what to send with the same change.",
    ),
    ProblemKind("acknowledgement-mismatch", 409, "The acknowledgement was given for another change, or for another generation."),
    ProblemKind("token-not-shown-again", 409, "The token was issued under a pepper that is gone since; issue another with a new key."),
    ProblemKind("generation-stale", 412, "The model has changed since the generation in If-Match."),
    ProblemKind("body-too-large", 413, "The body exceeds 1 MB."),
    ProblemKind("validation-failed", 422, "At least one field is not acceptable; `errors` names each with its path and a code."),
    ProblemKind("usage-too-much", 422, "More lies in these days than one request adds up; ask for fewer days at a time."),
    ProblemKind("internal-error", 500, "Something failed on our side; tell the operators the request id in `instance`."),
    ProblemKind("contended-too-long", 503, "Others wrote to the same rows again and again; nothing was written, send the request again."),
    ProblemKind("deletion-under-way", 503, "The model is being deleted at this moment; send the request again."),
    ProblemKind("table-throttled", 503, "The table is throttled; send the request again, with the same Idempotency-Key."),
    ProblemKind("table-unreachable", 503, "The table does not answer; send the request again, with the same Idempotency-Key."),
)

PROBLEMS: Final[Mapping[str, ProblemKind]] = MappingProxyType({kind.code: kind for kind in _KINDS})
"""Problem kinds by code."""

_LIVE_KINDS: Final = (
    ProblemKind("last-event-id-invalid", 400, "Last-Event-ID takes the id of an event of this stream."),
    PROBLEMS["not-authenticated"],
    PROBLEMS["scope-missing"],
    PROBLEMS["model-not-found"],
    PROBLEMS["operation-not-found"],
    ProblemKind("path-not-found", 404, "There is no live stream at this path."),
    ProblemKind("method-not-allowed", 405, "Live streams take GET only."),
    ProblemKind("too-many-streams", 429, "The caller holds as many live streams as one may; close one."),
    PROBLEMS["internal-error"],
    ProblemKind("router-draining", 503, "This router stops; another one answers those who come back."),
    ProblemKind("router-full", 503, "This router holds as many live streams as it can; come back."),
    ProblemKind("identity-unavailable", 503, "Nobody can be recognised at the moment; come back."),
    ProblemKind("timeline-unavailable", 503, "The timeline cannot be read at the moment; come back."),
)

LIVE_PROBLEMS: Final[Mapping[str, ProblemKind]] = MappingProxyType({kind.code: kind for kind in _LIVE_KINDS})
"""Problem kinds of the live streams, which stand beside the router, by code."""
