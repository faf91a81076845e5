"""An estate with one holder of every kind of credential."""

import json
import time
from collections.abc import Iterator

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.borders.authorisation.principals import AUDIENCE, ISSUER, Principals, admit
from tests.borders.estate import Estate, estate
from tests.functional.access.conftest import Issuer


@pytest.fixture(scope="module")
def principals() -> Iterator[Principals]:
    """Everybody, at an estate where nothing changes between two requests."""
    issuer = Issuer()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    issuer.keys = [{**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": "k1", "use": "sig", "alg": "RS256"}]
    oidc = {"OIDC_ISSUER": ISSUER, "OIDC_AUDIENCE": AUDIENCE, "OIDC_JWKS_URI": issuer.address}

    def person(*groups: str) -> str:
        claims = {
            "sub": "-".join(("somebody", *groups)),
            "iss": ISSUER,
            "aud": AUDIENCE,
            "exp": time.time() + 3600,
            "cognito:groups": [*groups],
        }
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "k1"})

    try:
        with estate(oidc) as made:
            yield admit(made, person)
    finally:
        issuer.close()


@pytest.fixture
def home(principals: Principals) -> Estate:
    """The estate as it was made."""
    principals.estate.restore()
    principals.estate.gateway.raised.clear()
    return principals.estate
