"""Messages and resources that `access` owns: principals and their API tokens."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from contracts import tokens
from contracts.common import BASE32_ID_PATTERN, Contract, EventContract, Group, ModelId

TOKENS_PARTITION = tokens.TOKENS_PARTITION
HEAD_KEY = tokens.HEAD_KEY
TOKEN_PREFIX = tokens.TOKEN_PREFIX

Scope = Literal["admin", "models:read", "models:write", "tokens:write", "limits:write", "inference"]
TokenId = Annotated[str, StringConstraints(pattern=BASE32_ID_PATTERN)]


class IssueToken(Contract):
    """`POST /tokens`: a new API token. The token itself is in the answer, and only there."""

    name: str = Field(min_length=1, max_length=128, examples=["notebook"])
    groups: list[Group] = Field(default_factory=list, max_length=100, examples=[["research"]])
    scopes: list[Scope] = Field(default=["inference"], min_length=1, max_length=6)
    models: list[ModelId] | None = Field(
        default=None, max_length=200, description="restricts the token to these models; null = all its groups may use"
    )
    expires_in_days: int | None = Field(default=90, ge=1, le=366, description="null = never; only administrators may ask for that")


class Token(Contract):
    """A token as it is shown afterwards: everything but the token."""

    token_id: TokenId
    name: str
    principal: str = Field(examples=["token:abcdefghijklmn23"])
    groups: list[str]
    scopes: list[str]
    models: list[str] | None = None
    expires_at: str | None = None
    revoked_at: str | None = None
    created_by: str
    created_at: str
    generation: int = Field(ge=1)


class TokenRow(Token):
    """A token's row in the table that routers follow: `digest` is HMAC-SHA256(pepper, token) in hex, `pepper_id` names the pepper."""

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    pepper_id: str


class _TokenEvent(EventContract):
    source: ClassVar[str] = "slipway.access"

    token_id: TokenId = Field(examples=["abcdefghijklmn23"])
    name: str = Field(examples=["notebook"])
    principal: str = Field(examples=["token:abcdefghijklmn23"])


class TokenIssued(_TokenEvent):
    """A token came into being. Neither the token nor its digest is in any event."""

    groups: list[str] = Field(examples=[["research"]])
    scopes: list[str] = Field(examples=[["inference"]])
    expires_at: str | None = Field(default=None, examples=["2026-04-01T00:00:00.000Z"])


class TokenRevoked(_TokenEvent):
    """A token is worth nothing any more, from this event on."""


EVENTS: tuple[type[EventContract], ...] = (TokenIssued, TokenRevoked)
