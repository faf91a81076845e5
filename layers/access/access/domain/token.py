"""An API token as it is kept, and the rules of granting, using and revoking it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

RESTRICTABLE_SCOPES = frozenset({"inference", "models:read"})
"""What a token that is restricted to some models may hold: with any other scope it could reach beyond them."""


@dataclass(frozen=True)
class Token:
    """A token's row; moments are RFC 3339 texts. `models` None = all that the groups allow, `expires_at` None = never."""

    token_id: str
    name: str
    principal: str
    groups: tuple[str, ...]
    scopes: tuple[str, ...]
    models: tuple[str, ...] | None
    expires_at: str | None
    created_by: str
    created_at: str
    digest: str = field(repr=False)
    pepper_id: str
    revoked_at: str | None = None
    generation: int = 1

    def refusal(self, now: datetime) -> str | None:
        """Why the token is worth nothing at this moment, or None. No leeway: what has expired has expired."""
        if self.revoked_at is not None:
            return "token-revoked"
        if self.expires_at is not None and datetime.fromisoformat(self.expires_at) <= now:
            return "token-expired"
        return None

    def belongs_to(self, subject: str) -> bool:
        """Whether this principal issued it."""
        return self.created_by == subject


@dataclass(frozen=True)
class Wish:
    """What somebody asks for; lists without repetition."""

    groups: tuple[str, ...]
    scopes: tuple[str, ...]
    models: tuple[str, ...] | None
    expires_in_days: int | None


@dataclass(frozen=True)
class Objection:
    """A field of the wish that no caller may have so: its path, a stable code, a sentence."""

    path: str
    code: str
    message: str


def principal_of(token_id: str) -> str:
    """The name under which a token acts. Made from the id, as two people may choose the same name."""
    return f"token:{token_id}"


def objections(wish: Wish, *, is_admin: bool) -> tuple[Objection, ...]:
    """What is wrong with the wish itself."""
    found = []
    if "*" in wish.groups:
        found.append(Objection("groups", "group-invalid", "* names everyone; it is no group to be a member of"))
    if wish.models is not None and not set(wish.scopes) <= RESTRICTABLE_SCOPES:
        found.append(Objection("scopes", "scope-too-wide", "a token restricted to models takes the scopes inference and models:read only"))
    if wish.expires_in_days is None and not is_admin:
        found.append(Objection("expires_in_days", "expiry-missing", "only administrators issue tokens that never expire"))
    return tuple(found)


def beyond(asked: Sequence[str], held: Sequence[str]) -> tuple[str, ...]:
    """What is asked for and not held: nobody gives what they do not have."""
    return tuple(sorted(set(asked) - set(held)))


def revoked(token: Token, moment: str) -> Token | None:
    """The token as it is from now on; None if it was revoked before: the first revocation stands for ever."""
    if token.revoked_at is not None:
        return None
    return replace(token, revoked_at=moment, generation=token.generation + 1)
