"""Verifying the OIDC tokens of people: keys from one pinned address, claims by the rules that the management API uses too."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import jwt

from contracts import identity as rules
from router.errors import ApiError, unauthorized
from router.identity import Caller

if TYPE_CHECKING:
    from jwt.types import Options

Fetch = Callable[[], Awaitable[dict[str, Any]]]
"""Fetches the issuer's key set (a JWK set); raises KeysUnavailable."""

_KEYS_FRESH_SECONDS = 900.0  # as at the authorizer: a key that the issuer withdrew is refused after that
_UNKNOWN_KEY_SECONDS = 60.0  # however many unknown key ids come, the issuer is asked once in this time
_RETRY_SECONDS = 5.0
_CACHE_SIZE = 10_000
_SIGNATURE_ALONE: "Options" = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
"""What claims have to be is decided by the rules that the management API uses too."""
_REMEMBERED_SECONDS = 300.0  # then the signature is checked again, with the keys as they are by then


class KeysUnavailable(Exception):
    """The issuer's keys cannot be fetched at the moment."""


class KeySet:
    """The issuer's keys by id: refreshed every 15 minutes, for an unknown id at most once a minute; kept when the issuer is down."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._clock = fetch, clock
        self._keys: dict[str, dict[str, Any]] | None = None
        self._fetched_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def find(self, kid: str) -> dict[str, Any] | None:
        """The key with this id, None if the issuer has none; KeysUnavailable while no key at all is known."""
        if self._wants_fetch(kid):
            async with self._lock:
                if self._wants_fetch(kid):
                    await self._refresh()
        if self._keys is None:
            raise KeysUnavailable
        return self._keys.get(kid)

    def _wants_fetch(self, kid: str) -> bool:
        now = self._clock()
        if self._keys is None:
            return now - self._tried_at >= _RETRY_SECONDS
        age = now - max(self._fetched_at, self._tried_at)
        return age >= (_KEYS_FRESH_SECONDS if kid in self._keys else _UNKNOWN_KEY_SECONDS)

    async def _refresh(self) -> None:
        self._tried_at = self._clock()
        try:
            document = await self._fetch()
        except KeysUnavailable:
            return
        keys = document.get("keys")
        if isinstance(keys, list):
            self._keys = {str(key["kid"]): key for key in keys if isinstance(key, dict) and "kid" in key}
            self._fetched_at = self._clock()


class OidcVerifier:
    """Verifies tokens of one issuer (`identity.PersonVerifier`); a verified token is remembered for minutes, by its whole digest."""

    def __init__(self, oidc: rules.OidcRules, keys: KeySet) -> None:
        self._rules, self._keys = oidc, keys
        self._verified: dict[str, tuple[float, Caller]] = {}

    async def verify(self, token: str, now: float) -> Caller:
        """The caller that a token stands for; ApiError 401, or 503 while the issuer's keys cannot be had. `now`: seconds since 1970."""
        remembered = self._verified.get(rules.cache_key(token))
        if remembered is not None and remembered[0] > now:
            return remembered[1]
        try:
            identity = rules.check_claims(await self._claims(token), self._rules, now)
        except (rules.TokenRefused, jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise unauthorized() from error
        except KeysUnavailable as error:
            raise ApiError(
                503,
                "authentication_unavailable",
                "The identity provider's keys cannot be had at the moment; try again shortly.",
                retry_after=5,
            ) from error
        if {"admin", "inference"}.isdisjoint(identity.scopes):
            raise ApiError(403, "scope_missing", "This identity may not use models.")
        caller = Caller(identity.subject, frozenset(identity.groups), "admin" in identity.scopes, expires_at=identity.expires_at)
        self._remember(token, caller, min(identity.expires_at, now + _REMEMBERED_SECONDS))
        return caller

    async def _claims(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        key = await self._keys.find(rules.key_id(header))
        if key is None or not rules.key_fits(header, key):
            raise rules.TokenRefused("key-unknown")
        algorithm = str(header["alg"])
        claims: dict[str, Any] = jwt.decode(token, jwt.PyJWK(key, algorithm).key, algorithms=[algorithm], options=_SIGNATURE_ALONE)
        return claims

    def _remember(self, token: str, caller: Caller, until: float) -> None:
        if len(self._verified) >= _CACHE_SIZE:
            self._verified.clear()
        self._verified[rules.cache_key(token)] = (until, caller)
