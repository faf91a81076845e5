"""What the management API takes and answers: access. Generated from its OpenAPI document by `make contracts`: do not edit."""

from typing import Literal, NotRequired, TypedDict

IssueTokenScopes = Literal["admin", "models:read", "models:write", "tokens:write", "limits:write", "inference"]


class IssueToken(TypedDict):
    """`POST /tokens`: a new API token."""

    name: str
    groups: NotRequired[list[str]]
    scopes: NotRequired[list[IssueTokenScopes]]
    models: NotRequired[list[str] | None]
    expires_in_days: NotRequired[int | None]


class Token(TypedDict):
    """A token as it is shown afterwards: everything but the token."""

    token_id: str
    name: str
    principal: str
    groups: list[str]
    scopes: list[str]
    models: NotRequired[list[str] | None]
    expires_at: NotRequired[str | None]
    revoked_at: NotRequired[str | None]
    created_by: str
    created_at: str
    generation: int
