"""The audit as the management API shows it: `usage` owns it."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from contracts.common import Contract, ModelId, Ulid
from contracts.responses import CauseView

NDJSON: Final = "application/x-ndjson"


def _zoned(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("needs a time zone: end it in Z or +hh:mm")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside of the years 1 to 9999 in UTC") from None


Moment = Annotated[datetime, AfterValidator(_zoned)]


class AuditEntry(Contract):
    """One fact: who did what to what, why, and what differs since. `before` and `after` hold the differing parts only."""

    event_id: Ulid
    event_type: str = Field(examples=["ModelUpdated"])
    occurred_at: str
    producer: str = Field(examples=["serving"])
    actor: str = Field(examples=["token:abcdefghijklmn23"])
    correlation_id: str = Field(description="the operation (or request) that it belongs to")
    cause: CauseView | None
    about: str | None = Field(examples=["model:smollm2-135m"], description="`model:…` or `token:…`")
    data: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class ListAudit(Contract):
    """Query of `GET /audit`: newest first unless `order=asc`. `since` is included, `until` is not.

    A page may be short, even empty, before the end: where few entries pass the filter, a request looks at 2,000 and answers with a token to
    go on with. Only `next_token` = null is the end.
    """

    actor: str | None = Field(default=None, min_length=1, max_length=300)
    model_id: ModelId | None = None
    event_type: str | None = Field(default=None, pattern=r"^[A-Za-z]{1,64}$")
    since: Moment | None = None
    until: Moment | None = None
    order: Literal["asc", "desc"] = "desc"
    format: Literal["json", "ndjson"] | None = None
    limit: int = Field(default=50, ge=1, le=1000)
    next_token: str | None = Field(default=None, max_length=2048)

    def wants_lines(self, accept: str) -> bool:
        """Whether the answer shall be NDJSON: `format` says so, or it is silent and the Accept header does."""
        return self.format == "ndjson" or (self.format is None and NDJSON in accept)
