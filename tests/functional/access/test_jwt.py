"""JWTs at the authorizer: real signatures, a real key set over HTTP, and every forgery we know of."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.functional.access.conftest import House, Issuer, access_world

ISSUER, AUDIENCE = "https://issuer.example/pool", "client-1"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC_PEM = RSA_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _jwk(key: Any, kid: str, **more: str) -> dict[str, Any]:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig", **more}


KEYS = [
    _jwk(RSA_KEY, "rsa"),
    _jwk(EC_KEY, "ec"),
    _jwk(WEAK_KEY, "weak"),
    {"kty": "oct", "kid": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0IQ"},
]


ADMINS: dict[str, Any] = {"cognito:groups": ["slipway-admins"]}


def _part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims with these changes; None removes one."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u1", "iat": now, "exp": now + 300, "cognito:groups": ["research"], **changes}
    return {name: value for name, value in good.items() if value is not None}


def signed(
    key: Any = RSA_KEY, algorithm: str = "RS256", kid: str | None = "rsa", headers: dict[str, Any] | None = None, **changes: Any
) -> str:
    """A JWT as an issuer, or somebody else, would make it."""
    extra = dict(headers or {})
    if kid is not None:
        extra["kid"] = kid
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers=extra)


def _hs256_with_public_key() -> str:
    """PyJWT refuses to make it, so it is made by hand: the public key taken for a shared secret."""
    import hashlib
    import hmac

    head = f"{_part({'alg': 'HS256', 'kid': 'rsa', 'typ': 'JWT'})}.{_part(claims())}"
    mac = hmac.new(PUBLIC_PEM, head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def _tampered() -> str:
    head, _, signature = signed().split(".")
    return f"{head}.{_part(claims(**{'cognito:groups': ['slipway-admins']}))}.{signature}"


FORGERIES: dict[str, Callable[[], str]] = {
    "alg none": lambda: f"{_part({'alg': 'none', 'kid': 'rsa'})}.{_part(claims())}.",
    "alg none with a signature": lambda: f"{_part({'alg': 'none', 'kid': 'rsa'})}.{_part(claims())}.AAAA",
    "HS256 with the public key": _hs256_with_public_key,
    "HS256 with a symmetric key in the set": lambda: signed(b"secret-secret-secret-secret-secret!", "HS256", "oct"),
    "RS512, signed rightly": lambda: signed(algorithm="RS512"),
    "PS256, signed rightly": lambda: signed(algorithm="PS256"),
    "another key under a known id": lambda: signed(OTHER_KEY),
    "an unknown key id": lambda: signed(OTHER_KEY, kid="mine"),
    "no key id": lambda: signed(kid=None),
    "an elliptic key's id on an RSA token": lambda: signed(kid="ec"),
    "a key that is too short": lambda: signed(WEAK_KEY, kid="weak"),
    "its own key in the header": lambda: signed(OTHER_KEY, headers={"jwk": _jwk(OTHER_KEY, "rsa")}),
    "a key set of its own": lambda: signed(OTHER_KEY, kid="mine", headers={"jku": "https://evil.example/jwks.json"}),
    "a certificate of its own": lambda: signed(OTHER_KEY, kid="mine", headers={"x5u": "https://evil.example/cert.pem"}),
    "an unknown critical extension": lambda: signed(headers={"crit": ["x"], "x": 1}),
    "tampered claims": _tampered,
    "a cut signature": lambda: signed()[:-8],
    "another issuer": lambda: signed(iss="https://evil.example"),
    "no issuer": lambda: signed(iss=None),
    "another audience": lambda: signed(aud="client-2"),
    "no audience": lambda: signed(aud=None),
    "an id token's client_id": lambda: signed(aud=None, client_id=AUDIENCE, token_use="id"),
    "another client's access token": lambda: signed(aud=None, client_id="client-2", token_use="access"),
    "expired a second ago": lambda: signed(exp=int(time.time()) - 1),
    "without an end": lambda: signed(exp=None),
    "from the future": lambda: signed(nbf=int(time.time()) + 3600),
    "no subject": lambda: signed(sub=None),
    "claims that are a list": lambda: f"{_part({'alg': 'RS256', 'kid': 'rsa'})}.{_part([])}.AAAA",
    "a header that is no JSON": lambda: "AAAA.AAAA.AAAA",
}


@pytest.fixture
def house(issuer: Issuer) -> Iterator[House]:
    """Access that trusts the issuer."""
    issuer.keys = KEYS
    environment = {"OIDC_ISSUER": ISSUER, "OIDC_AUDIENCE": AUDIENCE, "OIDC_JWKS_URI": issuer.address}
    with access_world(environment) as made:
        yield made


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("name", FORGERIES)
def test_refuses(house: House, name: str) -> None:
    """Not let in, without a word about why."""
    assert house.judge(f"Bearer {FORGERIES[name]()}") == {"isAuthorized": False, "context": {}}


@pytest.mark.parametrize(
    "token",
    [
        signed,
        lambda: signed(EC_KEY, "ES256", "ec"),
        lambda: signed(aud=["x", AUDIENCE]),
        lambda: signed(aud=None, client_id=AUDIENCE, token_use="access"),
    ],
    ids=["RS256", "ES256", "several audiences", "Cognito access token"],
)
def test_lets_in(house: House, token: Callable[[], str]) -> None:
    """The principal in the context is what the doors read back."""
    answer = house.judge(f"Bearer {token()}")
    assert answer["isAuthorized"] is True
    expected = {"subject": "oidc:u1", "kind": "oidc", "groups": ["research"], "scopes": ["models:read", "inference"]}
    assert json.loads(answer["context"]["principal"]) == expected


def test_an_administrator_by_group(house: House) -> None:
    """Members of the admin group get the scope of everything."""
    answer = house.judge(f"Bearer {signed(**ADMINS)}")
    assert json.loads(answer["context"]["principal"])["scopes"] == ["admin"]


def test_unknown_keys_do_not_hammer_the_issuer(house: House, issuer: Issuer) -> None:
    """One fetch, however many ids strangers make up."""
    for number in range(50):
        house.judge(f"Bearer {signed(OTHER_KEY, kid=f'k{number}')}")
    assert issuer.asked == 1


def test_an_issuer_that_is_down_lets_nobody_in(issuer: Issuer) -> None:
    """The authorizer fails, and the API answers 500; API tokens are judged as ever."""
    from kit.errors import Transient

    environment = {"OIDC_ISSUER": ISSUER, "OIDC_AUDIENCE": AUDIENCE, "OIDC_JWKS_URI": "http://127.0.0.1:9/jwks.json"}
    with access_world(environment) as house:
        with pytest.raises(Transient, match="issuer-unreachable"):
            house.judge(f"Bearer {signed()}")
        assert house.lets_in(house.issue()["json"]["token"])


def test_the_key_set_must_come_over_tls() -> None:
    """Only a laptop's loopback may go without."""
    from access.adapters.oidc import KeySetAddress
    from kit.errors import Broken

    for address in ("http://issuer.example/jwks.json", "file:///etc/passwd", "ftp://127.0.0.1/x", ""):
        with pytest.raises(Broken, match="settings-invalid"):
            KeySetAddress(address)
