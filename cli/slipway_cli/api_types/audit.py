"""What the management API takes and answers: audit. Generated from its OpenAPI document by `make contracts`: do not edit."""

from typing import Any, TypedDict

from slipway_cli.api_types.responses import CauseView


class AuditEntry(TypedDict):
    """One fact: who did what to what, why, and what differs since."""

    event_id: str
    event_type: str
    occurred_at: str
    producer: str
    actor: str
    correlation_id: str
    cause: "CauseView | None"
    about: str | None
    data: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
