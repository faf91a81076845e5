"""Who stands behind an OIDC token: one set of rules for the authorizer and the routers; standard library only.

Each side verifies the signature with PyJWT, restricted to `ALGORITHMS`, with a key found by `key_id` in the issuer's pinned key set, and
leaves every claim to `check_claims`. The order is: `key_id(header)` → key → signature → `check_claims(claims)`.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

ALGORITHMS: Final = ("RS256", "ES256")
"""Asymmetric only: with HS256 the public key itself would sign, with `none` anybody."""

KEY_TYPES: Final[Mapping[str, str]] = {"RS256": "RSA", "ES256": "EC"}
"""The key type (`kty`) that an algorithm needs; a key of another type is refused."""

CLOCK_LEEWAY_SECONDS: Final = 60
"""For `nbf` and `iat`, where the issuer's clock may run ahead of ours. None for `exp`: what has expired is worth nothing."""

SUBJECT_PREFIX: Final = "oidc:"
"""Before every subject of the issuer, so that none can bear the name of a token's principal (`token:…`)."""

MAX_TOKEN_LENGTH: Final = 16_384
ADMIN_SCOPES: Final = ("admin",)
USER_SCOPES: Final = ("models:read", "inference")
_MAX_GROUPS: Final = 1000
_TEXT_LIMIT: Final = 256
_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class TokenRefused(Exception):
    """The token is not accepted. `code` is for our logs; the caller only ever learns that it was refused."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class OidcRules:
    """What is asked of a token: the issuer's exact name, our name as its audience, where groups stand, which of them administers."""

    issuer: str
    audience: str
    groups_claim: str = "cognito:groups"
    admin_group: str = "slipway-admins"


@dataclass(frozen=True)
class Identity:
    """The person or program behind a verified token."""

    subject: str
    groups: tuple[str, ...]
    scopes: tuple[str, ...]
    expires_at: float


def bearer(header: str | None) -> str | None:
    """The credential in an `Authorization: Bearer …` header; None if there is none."""
    scheme, _, credential = (header or "").strip().partition(" ")
    credential = credential.strip()
    return credential if scheme.lower() == "bearer" and credential and " " not in credential else None


def looks_like_jwt(text: str) -> bool:
    """Whether it is worth taking `text` for a signed JWT: three base64url parts, at most 16 KiB."""
    return len(text) <= MAX_TOKEN_LENGTH and _SHAPE.fullmatch(text) is not None


def cache_key(token: str) -> str:
    """What a cache of verified tokens may be keyed by: the digest of the whole token, never a part of it."""
    return hashlib.sha256(token.encode()).hexdigest()


def key_id(header: Mapping[str, Any]) -> str:
    """The id of the key that signed, from a JWT's unverified header; TokenRefused for a header that we do not accept.

    `jku`, `x5u`, `jwk` and `x5c` are not looked at: keys come from the pinned address alone.
    """
    if header.get("alg") not in ALGORITHMS:
        raise TokenRefused("algorithm-refused")
    if "crit" in header:
        raise TokenRefused("critical-extension-unknown")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= _TEXT_LIMIT:
        raise TokenRefused("key-id-missing")
    return kid


def key_fits(header: Mapping[str, Any], key: Mapping[str, Any]) -> bool:
    """Whether a key of the issuer's set (a JWK) may verify a token with this header."""
    algorithm = str(header.get("alg"))
    return key.get("kty") == KEY_TYPES.get(algorithm) and key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm


def check_claims(claims: Mapping[str, Any], rules: OidcRules, now: float) -> Identity:
    """The identity in the claims of a token whose signature holds; TokenRefused names the first claim that does not.

    `now` is in seconds since 1970. The audience is `aud` (a string or a list), or for Cognito's access tokens, which carry none,
    `client_id` together with `token_use`.
    """
    if claims.get("iss") != rules.issuer:
        raise TokenRefused("issuer-refused")
    expires_at = _moment(claims, "exp")
    if expires_at is None:
        raise TokenRefused("expiry-missing")
    if expires_at <= now:
        raise TokenRefused("expired")
    for name in ("nbf", "iat"):
        begins = _moment(claims, name)
        if begins is not None and begins > now + CLOCK_LEEWAY_SECONDS:
            raise TokenRefused("not-valid-yet")
    if not _is_meant_for(claims, rules.audience):
        raise TokenRefused("audience-refused")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _TEXT_LIMIT or not subject.isprintable():
        raise TokenRefused("subject-missing")  # also of one that no log line or table would take, such as half a surrogate pair
    groups = _groups(claims.get(rules.groups_claim))
    return Identity(SUBJECT_PREFIX + subject, groups, scopes_of(groups, rules), expires_at)


def scopes_of(groups: Sequence[str], rules: OidcRules) -> tuple[str, ...]:
    """What members of these groups may do: administrators everything, everybody else read and ask."""
    return ADMIN_SCOPES if rules.admin_group and rules.admin_group in groups else USER_SCOPES


def _is_meant_for(claims: Mapping[str, Any], audience: str) -> bool:
    if not audience:
        return False
    if "aud" in claims:
        named = claims["aud"]
        return audience == named or (isinstance(named, list) and audience in named)
    return claims.get("token_use") == "access" and claims.get("client_id") == audience


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:  # noqa: PLR2004 - beyond the year 5000; NaN fails too
        raise TokenRefused("time-malformed")
    return float(value)


def _groups(claim: Any) -> tuple[str, ...]:
    """A list of names, or one text with names between commas or blanks, as issuers differ; anything else, and `*`, means no group."""
    names = re.split(r"[,\s]+", claim) if isinstance(claim, str) else claim if isinstance(claim, list) else []
    return tuple(name for name in names if isinstance(name, str) and 0 < len(name) <= _TEXT_LIMIT and name.isprintable() and name != "*")[
        :_MAX_GROUPS
    ]
