"""Every error of the platform, and what its class decides.

SlipwayError
├── Refused                 the caller is wrong: answered, never retried          log level INFO
│   ├── InvalidRequest      400 / 422, with the violated fields
│   ├── Unauthenticated     401
│   ├── Forbidden           403
│   ├── NotFound            404
│   ├── Conflict            409
│   ├── StaleGeneration     412
│   ├── TooLarge            413
│   └── LimitExceeded       429
├── NotYet                  expected waiting: come back                             log level INFO
├── Transient               a dependency failed: retried with back-off, 503         log level WARNING
│   └── Contended           somebody else wrote first: read again and decide anew
└── Broken                  an invariant is violated: alarm and dead letters, 500   log level ERROR
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class Violation:
    """One field that was refused: `path` in dotted form (`capacity.min`), a stable `code`, a sentence."""

    path: str
    code: str
    message: str


@dataclass(eq=False)  # comparing by value would make exceptions unhashable, which tracing and traceback code does not expect
class SlipwayError(Exception):
    """Anything that Slipway itself reports; `code` is stable, `hint` says what to do next."""

    code: str
    message: str
    hint: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    status: ClassVar[int] = 500

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Refused(SlipwayError):
    """The caller must change the request; repeating it cannot help."""

    status = 400


@dataclass(eq=False)
class InvalidRequest(Refused):
    """The request itself is malformed (400) or its values are not acceptable (422)."""

    violations: Sequence[Violation] = ()
    malformed: bool = False

    @property
    def http_status(self) -> int:
        """400 for a body that cannot be read, 422 for one whose values are refused."""
        return 400 if self.malformed else 422


class Unauthenticated(Refused):
    """Nobody can be recognised behind this request."""

    status = 401


class Forbidden(Refused):
    """The caller is known, and may not do this."""

    status = 403


class NotFound(Refused):
    """No such thing, or none that this caller may know of."""

    status = 404


class Conflict(Refused):
    """The present state does not allow this command."""

    status = 409


class StaleGeneration(Refused):
    """The thing has changed since the caller last read it."""

    status = 412


class TooLarge(Refused):
    """The request exceeds a size limit."""

    status = 413


class LimitExceeded(Refused):
    """A quota or rate limit is used up."""

    status = 429


class NotYet(SlipwayError):
    """What was asked for is under way; the sender should come back."""

    status = 503


class Transient(SlipwayError):
    """A dependency failed in a way that usually passes."""

    status = 503


class Contended(Transient):
    """Somebody else wrote first; read again and decide anew."""


class Broken(SlipwayError):
    """An invariant of ours does not hold; a person must look."""


def http_status(error: SlipwayError) -> int:
    """The HTTP status that answers this error."""
    return error.http_status if isinstance(error, InvalidRequest) else error.status


def problem(error: SlipwayError, instance: str) -> dict[str, Any]:
    """RFC 9457 problem document for `error`; `instance` is the request id."""
    document: dict[str, Any] = {
        "type": f"urn:slipway:problem:{error.code}",
        "title": error.code.replace("-", " ").capitalize(),
        "status": http_status(error),
        "detail": error.message,
        "code": error.code,
        "instance": instance,
    }
    if error.hint:
        document["hint"] = error.hint
    if isinstance(error, InvalidRequest) and error.violations:
        document["errors"] = [{"path": v.path, "code": v.code, "message": v.message} for v in error.violations]
    document.update(error.details)
    return document
