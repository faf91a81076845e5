"""Parsers of credentials under anything at all: a token, a header, a JWT or a pepper is one, or is refused as documented."""

import base64
import json
from typing import Any

from hypothesis import strategies as st

from access.adapters.oidc import PyJwtSignatures
from contracts import identity, tokens
from tests.borders.fuzz.inputs import JSON, anything, fuzz, only

_TOKEN = tokens.mint("a" * 16, "b" * 43)


def test_tokens() -> None:
    """What is taken for a token is exactly what can be minted."""

    def one(text: str) -> None:
        parsed = tokens.parse(text)
        assert parsed is None or tokens.mint(parsed.token_id, parsed.secret) == text

    fuzz("token", st.text(max_size=90) | anything(_TOKEN.encode()).map(lambda content: content.decode("latin-1")), one)


def test_minted_tokens_are_read_back() -> None:
    """Whatever the id and the secret."""

    def one(numbers: tuple[int, str]) -> None:
        token_id, secret = tokens.token_id_of(numbers[0]), tokens.derive_secret(b"pepper", numbers[1])
        parsed = tokens.parse(tokens.mint(token_id, secret))
        assert parsed is not None
        assert (parsed.token_id, parsed.secret) == (token_id, secret)

    fuzz("token", st.tuples(st.integers(0, 2**80 - 1), st.text(st.characters(codec="utf-8"))), one)


def test_authorization_headers() -> None:
    """A credential holds no blank, and is none that was not there."""

    def one(text: str) -> None:
        found = identity.bearer(text)
        assert found is None or (found in text and " " not in found)

    fuzz("authorization", st.text(max_size=60) | st.text(max_size=40).map("Bearer ".__add__), one)


def test_headers_of_jwts() -> None:
    """An unverified header is an object with a key's id, or the token is refused."""

    def one(content: bytes) -> None:
        token = f"{base64.urlsafe_b64encode(content).decode().rstrip('=')}.e30.AA"

        def read() -> str:
            return identity.key_id(PyJwtSignatures().header(token))

        found = only(identity.TokenRefused, read)
        assert found is None or isinstance(found, str)

    deep = st.sampled_from([b"[" * 12_000, b'{"a":' * 2000, b'{"alg":[]}', b'{"alg":{"a":1},"kid":{}}'])
    fuzz("jwt", anything(b'{"alg":"RS256","kid":"k","typ":"JWT"}') | deep | JSON.map(lambda found: json.dumps(found).encode()), one)


def test_claims_of_jwts() -> None:
    """Any claims under a signature that holds are an identity or refused."""
    rules = identity.OidcRules("https://issuer.example", "slipway")
    good = st.fixed_dictionaries(
        {},
        optional={
            "iss": st.just(rules.issuer) | JSON,
            "aud": st.just(rules.audience) | JSON,
            "exp": st.just(2e9) | JSON,
            "nbf": JSON,
            "sub": st.just("ada") | JSON,
            "cognito:groups": JSON,
            "client_id": JSON,
            "token_use": JSON,
        },
    )

    def one(claims: dict[str, Any]) -> None:
        found = only(identity.TokenRefused, lambda: identity.check_claims(claims, rules, 1.9e9))
        assert found is None or (found.expires_at > 1.9e9 and "*" not in found.groups)

    fuzz("claims", good, one)


def test_peppers() -> None:
    """A secret of another form is a ValueError that says nothing of it."""

    def one(text: str) -> None:
        found = only(ValueError, lambda: tokens.Peppers.parse(text))
        assert found is None or found.newest

    fuzz("pepper", anything(b'{"current": "1", "1": "x7Zq0"}').map(lambda content: content.decode("latin-1")), one)
