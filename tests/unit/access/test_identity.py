"""The claims of OIDC tokens, and what of a header is accepted."""

from typing import Any

import pytest

from contracts.identity import OidcRules, TokenRefused, bearer, cache_key, check_claims, key_fits, key_id, looks_like_jwt

NOW = 1_767_225_600.0
RULES = OidcRules("https://issuer.example/pool", "client-1")
GOOD: dict[str, Any] = {"iss": RULES.issuer, "aud": "client-1", "sub": "u1", "exp": NOW + 60, "iat": NOW, "cognito:groups": ["research"]}


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims with these changes; None removes one."""
    return {name: value for name, value in {**GOOD, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://issuer.example/pool/"}, "issuer-refused"),
        ({"iss": None}, "issuer-refused"),
        ({"exp": None}, "expiry-missing"),
        ({"exp": NOW}, "expired"),
        ({"exp": NOW - 1}, "expired"),
        ({"exp": "9999999999"}, "time-malformed"),
        ({"exp": True}, "time-malformed"),
        ({"exp": float("nan")}, "time-malformed"),
        ({"exp": float("inf")}, "time-malformed"),
        ({"nbf": NOW + 61}, "not-valid-yet"),
        ({"iat": NOW + 61}, "not-valid-yet"),
        ({"aud": "client-2"}, "audience-refused"),
        ({"aud": None}, "audience-refused"),
        ({"aud": ["client-2"]}, "audience-refused"),
        ({"aud": {"client-1": 1}}, "audience-refused"),
        ({"aud": None, "client_id": "client-1"}, "audience-refused"),
        ({"aud": None, "client_id": "client-1", "token_use": "id"}, "audience-refused"),
        ({"aud": None, "client_id": "client-2", "token_use": "access"}, "audience-refused"),
        ({"aud": "client-2", "client_id": "client-1", "token_use": "access"}, "audience-refused"),
        ({"sub": None}, "subject-missing"),
        ({"sub": ""}, "subject-missing"),
        ({"sub": 7}, "subject-missing"),
    ],
)
def test_refuses(changes: dict[str, Any], code: str) -> None:
    """Each claim that does not hold has its own code, for our logs."""
    with pytest.raises(TokenRefused) as caught:
        check_claims(claims(**changes), RULES, NOW)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": ["other", "client-1"]},
        {"aud": None, "client_id": "client-1", "token_use": "access"},
        {"nbf": NOW + 60, "iat": NOW + 60},
        {"exp": NOW + 0.5},
    ],
)
def test_accepts(changes: dict[str, Any]) -> None:
    """One audience or several, Cognito's access tokens, an issuer's clock that runs a minute ahead."""
    known = check_claims(claims(**changes), RULES, NOW)
    assert (known.subject, known.groups, known.scopes) == ("oidc:u1", ("research",), ("models:read", "inference"))


@pytest.mark.parametrize(
    ("claim", "groups"),
    [
        (["a", "b"], ("a", "b")),
        ("a,b c", ("a", "b", "c")),
        (["*", "a"], ("a",)),
        ([1, None, "a", ""], ("a",)),
        ({"a": 1}, ()),
        (None, ()),
    ],
)
def test_groups_come_in_several_forms(claim: Any, groups: tuple[str, ...]) -> None:
    """A list or a text; what is neither gives no group, and nobody is everyone."""
    assert check_claims(claims(**{"cognito:groups": claim}), RULES, NOW).groups == groups


def test_members_of_the_admin_group_administer() -> None:
    """By the parameter's group, and by nothing else that they might be called."""
    assert check_claims(claims(**{"cognito:groups": ["slipway-admins"]}), RULES, NOW).scopes == ("admin",)
    assert "admin" not in check_claims(claims(**{"cognito:groups": ["Slipway-Admins", "admin"], "scope": "admin"}), RULES, NOW).scopes
    nobody = OidcRules(RULES.issuer, "client-1", admin_group="")
    assert "admin" not in check_claims(claims(**{"cognito:groups": [""]}), nobody, NOW).scopes


def test_no_audience_configured_means_nobody() -> None:
    """An empty parameter must not match an empty claim."""
    with pytest.raises(TokenRefused):
        check_claims(claims(aud=""), OidcRules(RULES.issuer, ""), NOW)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"alg": "none", "kid": "k"}, "algorithm-refused"),
        ({"alg": "None", "kid": "k"}, "algorithm-refused"),
        ({"alg": "HS256", "kid": "k"}, "algorithm-refused"),
        ({"alg": "PS256", "kid": "k"}, "algorithm-refused"),
        ({"alg": ["RS256"], "kid": "k"}, "algorithm-refused"),
        ({"kid": "k"}, "algorithm-refused"),
        ({"alg": "RS256", "kid": "k", "crit": ["exp"]}, "critical-extension-unknown"),
        ({"alg": "RS256"}, "key-id-missing"),
        ({"alg": "RS256", "kid": 1}, "key-id-missing"),
        ({"alg": "RS256", "kid": "k" * 257}, "key-id-missing"),
    ],
)
def test_refuses_headers(header: dict[str, Any], code: str) -> None:
    """Algorithms are fixed, extensions unknown, and a key has a name."""
    with pytest.raises(TokenRefused) as caught:
        key_id(header)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("key", "fits"),
    [
        ({"kty": "RSA"}, True),
        ({"kty": "RSA", "use": "sig", "alg": "RS256"}, True),
        ({"kty": "RSA", "use": "enc"}, False),
        ({"kty": "RSA", "alg": "RS512"}, False),
        ({"kty": "EC"}, False),
        ({"kty": "oct"}, False),
        ({}, False),
    ],
)
def test_a_key_must_fit_the_algorithm(key: dict[str, Any], fits: bool) -> None:
    """Type, use and algorithm."""
    assert key_fits({"alg": "RS256"}, key) is fits


@pytest.mark.parametrize(
    ("header", "credential"),
    [
        ("Bearer x", "x"),
        ("bearer  x ", "x"),
        ("Basic x", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearer a b", None),
        ("Bearer a,Bearer b", None),
        ("", None),
        (None, None),
    ],
)
def test_reads_the_authorization_header(header: str | None, credential: str | None) -> None:
    """One scheme, one credential."""
    assert bearer(header) == credential


def test_a_cache_is_keyed_by_the_whole_token() -> None:
    """Two tokens that begin alike are two tokens."""
    assert cache_key("a" * 40 + "b") != cache_key("a" * 40 + "c")


def test_only_three_parts_are_worth_a_look() -> None:
    """Shape and size first; both are cheap."""
    assert looks_like_jwt("a.b.c")
    assert not any(looks_like_jwt(text) for text in ("a.b", "a.b.c.d", "a..c", "a.b.c\n", "a.b." + "c" * 20_000))
