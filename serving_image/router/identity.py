"""Who is calling: API tokens from the table that routers follow, and the OIDC tokens of people."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Protocol

from contracts import identity as rules
from contracts.access import TokenRow
from contracts.tokens import TOKEN_MARK, Peppers, parse
from router.errors import ApiError, unauthorized

_DUMMY_DIGEST = "0" * 64
_MOST_VERIFIED = 50_000


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller. `models` restricts a token to some models; None is no restriction. `expires_at` in seconds since 1970."""

    subject: str
    groups: frozenset[str]
    admin: bool = False
    models: frozenset[str] | None = None
    token_id: str | None = None
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class HeldToken:
    """A token's row with its callers prepared: who asks models, and who reads about them. None may not."""

    row: TokenRow
    caller: Caller | None
    reader: Caller | None = None


Cut = Callable[[str], None]


class TokenTable:
    """Tokens by id, digests only. `cut` is called with the id of each token that stops being good."""

    def __init__(self, cut: Cut = lambda _token_id: None) -> None:
        self.tokens: dict[str, HeldToken] = {}
        self._cut = cut

    # What the follower of the feed needs (`feed.Store`).

    def parse(self, document: dict[str, Any]) -> tuple[str, int, HeldToken]:
        """Key, revision and prepared row of a document; ValueError for one that cannot be used."""
        row = TokenRow.model_validate({name: value for name, value in document.items() if name in TokenRow.model_fields})
        good, reads = (row.revoked_at is None and not {"admin", scope}.isdisjoint(row.scopes) for scope in ("inference", "models:read"))
        expires_at = datetime.fromisoformat(row.expires_at).timestamp() if row.expires_at else None
        models = frozenset(row.models) if row.models is not None else None
        caller = Caller(row.principal, frozenset(row.groups) - {"*"}, "admin" in row.scopes, models, row.token_id, expires_at)
        return row.token_id, row.generation, HeldToken(row, caller if good else None, caller if reads else None)

    def apply(self, changed: Mapping[str, HeldToken], removed: Iterable[str]) -> None:
        """Take over changed rows, forget removed ones, and cut what their holders still have open."""
        worthless = [name for name in removed if self.tokens.pop(name, None) is not None]
        self.tokens.update(changed)
        worthless += [name for name, held in changed.items() if held.caller is None]
        for name in worthless:
            self._cut(name)

    def keys(self) -> set[str]:
        """Every token id held."""
        return set(self.tokens)

    def revision_of(self, key: str) -> int:
        """The generation of the row held, 0 for none."""
        held = self.tokens.get(key)
        return held.row.generation if held else 0

    def documents(self) -> list[dict[str, Any]]:
        """Every row as it came."""
        return [held.row.document() for held in self.tokens.values()]


class PersonVerifier(Protocol):
    """Verifies OIDC tokens."""

    async def verify(self, token: str, now: float) -> Caller:
        """The caller that a token stands for; ApiError 401 (or 503 while the issuer's keys cannot be had)."""
        ...


class Authenticator:
    """Turns an Authorization header into a caller, or into 401. Known callers are verified from memory alone."""

    def __init__(self, table: TokenTable, persons: PersonVerifier | None, now: Callable[[], float]) -> None:
        self._table, self._persons, self._now = table, persons, now
        self.peppers: Peppers | None = None
        self._own_key = os.urandom(32)
        self._verified: dict[bytes, tuple[HeldToken, Peppers]] = {}
        self.on_unknown_pepper: Callable[[], None] = lambda: None

    async def authenticate(self, header: str | None, *, reading: bool = False) -> Caller:
        """The caller behind the header, `reading` about models or else asking them; ApiError 401, or 503 while nothing can be verified."""
        credential = rules.bearer(header)
        if credential is None:
            raise unauthorized("Send an API key: `Authorization: Bearer slp_…`.")
        if credential.startswith(TOKEN_MARK):
            return self.verify_token(credential, reading=reading)
        if self._persons is None or not rules.looks_like_jwt(credential):
            raise unauthorized()
        return await self._persons.verify(credential, self._now())

    def verify_token(self, credential: str, *, reading: bool = False) -> Caller:
        """The caller of an API token; one HMAC whether the token is known or not, and none for one that was verified before.

        That one is remembered by a digest under a key of this process; what is remembered counts while the token's row and the peppers are
        the ones it was verified with.
        """
        remembered = blake2b(credential.encode(), digest_size=16, key=self._own_key).digest()
        known = self._verified.get(remembered)
        if known is not None and known[1] is self.peppers and self._table.tokens.get(known[0].row.token_id) is known[0]:
            return self._caller_of(known[0], reading=reading)
        held, peppers = self._compare(credential)
        if len(self._verified) >= _MOST_VERIFIED:
            self._verified.clear()
        self._verified[remembered] = held, peppers
        return self._caller_of(held, reading=reading)

    def _compare(self, credential: str) -> tuple[HeldToken, Peppers]:
        """The row of the token that the credential is, and what it was verified with; ApiError 401 or 503."""
        parsed = parse(credential)
        if parsed is None:
            raise unauthorized()
        peppers = self.peppers
        if peppers is None:
            raise ApiError(
                503, "authentication_unavailable", "API keys cannot be verified at the moment; try again shortly.", retry_after=5
            )
        held = self._table.tokens.get(parsed.token_id)
        row = held.row if held else None
        matches = peppers.matches(credential, row.digest if row else _DUMMY_DIGEST, row.pepper_id if row else peppers.current)
        if held is None or row is None:
            raise unauthorized()
        if row.pepper_id not in peppers.by_id:
            self.on_unknown_pepper()
        if not matches:
            raise unauthorized()
        return held, peppers

    def _caller_of(self, held: HeldToken, *, reading: bool) -> Caller:
        """Who a verified token stands for, now; ApiError 401 or 403."""
        row = held.row
        caller = held.reader if reading else held.caller
        if row.revoked_at is not None:
            raise unauthorized()
        known = held.caller or held.reader
        if row.expires_at and (known is None or known.expires_at is None or known.expires_at <= self._now()):
            raise unauthorized()
        if caller is None and reading:
            raise ApiError(403, "scope_missing", "This API key may not read about models: it lacks the scope `models:read`.")
        if caller is None:
            raise ApiError(403, "scope_missing", "This API key may not use models: it lacks the scope `inference`.")
        return caller
