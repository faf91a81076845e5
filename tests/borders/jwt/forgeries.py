"""JWTs as an issuer makes them, and as everybody else does."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER, AUDIENCE = "https://issuer.example/pool", "client-1"
NOW: Final = 1_800_000_000.0
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC_PEM = RSA_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def jwk(key: Any, kid: str, **more: str) -> dict[str, Any]:
    """The public half of a key, as issuers publish it."""
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig", **more}


def key_set() -> list[dict[str, Any]]:
    """What the issuer publishes: one key of each kind, one for encryption only, and one that signs both ways."""
    return [
        jwk(RSA_KEY, "rsa"),
        jwk(EC_KEY, "ec"),
        jwk(OTHER_KEY, "for-encryption") | {"use": "enc"},
        {"kty": "oct", "kid": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0IQ"},
    ]


def part(content: Any) -> str:
    """One part of a JWT, from JSON or from bytes."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims with these changes; None removes one."""
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u1", "iat": NOW, "exp": NOW + 300, "cognito:groups": ["research"], **changes}
    return {name: value for name, value in good.items() if value is not None}


def sealed(header: bytes | dict[str, Any], body: bytes | dict[str, Any], key: Any = RSA_KEY) -> str:
    """Any header and body under a real RS256 signature, also such as no library would make."""
    signed = f"{part(header)}.{part(body)}"
    return f"{signed}.{part(RSAAlgorithm(RSAAlgorithm.SHA256).sign(signed.encode(), key))}"


def token(key: Any = RSA_KEY, algorithm: str = "RS256", kid: Any = "rsa", headers: dict[str, Any] | None = None, **changes: Any) -> str:
    """A JWT as an issuer makes it."""
    extra = {**(headers or {}), **({} if kid is None else {"kid": kid})}
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers=extra)


def _hmac_with_public_key() -> str:
    head = f"{part({'alg': 'HS256', 'kid': 'rsa', 'typ': 'JWT'})}.{part(claims())}"
    return f"{head}.{part(hmac.new(PUBLIC_PEM, head.encode(), hashlib.sha256).digest())}"


def _tampered(**changes: Any) -> str:
    head, _, signature = token().split(".")
    return f"{head}.{part(claims(**changes))}.{signature}"


def _raw_kid(kid: Any) -> str:
    return sealed({"alg": "RS256", "kid": kid}, claims(), OTHER_KEY)


_HEAD: Final = {"alg": "RS256", "kid": "rsa"}
FORGERIES: Final[dict[str, Callable[[], str]]] = {
    "alg none": lambda: f"{part({'alg': 'none', 'kid': 'rsa'})}.{part(claims())}.",
    "alg none with a signature": lambda: f"{part({'alg': 'none', 'kid': 'rsa'})}.{part(claims())}.AAAA",
    "alg None": lambda: f"{part({'alg': None, 'kid': 'rsa'})}.{part(claims())}.AAAA",
    "alg in capitals": lambda: f"{part({'alg': 'NONE', 'kid': 'rsa'})}.{part(claims())}.AAAA",
    "alg a list": lambda: sealed({"alg": ["RS256"], "kid": "rsa"}, claims()),
    "no alg": lambda: sealed({"kid": "rsa"}, claims()),
    "HS256 with the public key": _hmac_with_public_key,
    "HS256 with a symmetric key in the set": lambda: token(b"secret-secret-secret-secret-secret!", "HS256", "oct"),
    "RS256 by the id of a symmetric key": lambda: token(kid="oct"),
    "RS512, signed rightly": lambda: token(algorithm="RS512"),
    "PS256, signed rightly": lambda: token(algorithm="PS256"),
    "an elliptic key's id on an RSA token": lambda: token(kid="ec"),
    "a key for encryption": lambda: token(OTHER_KEY, kid="for-encryption"),
    "another key under a known id": lambda: token(OTHER_KEY),
    "an unknown key id": lambda: token(OTHER_KEY, kid="mine"),
    "no key id": lambda: token(kid=None),
    "a key id that is a path": lambda: _raw_kid("../../../../dev/null"),
    "a key id that is an address": lambda: _raw_kid("https://evil.example/key.pem"),
    "a key id that is a query": lambda: _raw_kid("x' UNION SELECT 'k"),
    "a key id of the wrong type": lambda: _raw_kid(["rsa"]),
    "a key id that is null": lambda: _raw_kid(None),
    "an empty key id": lambda: _raw_kid(""),
    "a key id without end": lambda: _raw_kid("k" * 5000),
    "its own key in the header": lambda: token(OTHER_KEY, headers={"jwk": jwk(OTHER_KEY, "rsa")}),
    "a key set of its own": lambda: token(OTHER_KEY, kid="mine", headers={"jku": "https://evil.example/jwks.json"}),
    "a certificate of its own": lambda: token(OTHER_KEY, kid="mine", headers={"x5u": "https://evil.example/cert.pem"}),
    "a certificate chain of its own": lambda: token(OTHER_KEY, headers={"x5c": ["MIIB"], "x5t": "AAAA"}),
    "an unknown critical extension": lambda: token(headers={"crit": ["x"], "x": 1}),
    "an empty list of critical extensions": lambda: token(headers={"crit": []}),
    "an unencoded body (b64)": lambda: sealed({**_HEAD, "b64": False, "crit": ["b64"]}, claims()),
    "claims of an administrator, unsigned": lambda: _tampered(**{"cognito:groups": ["slipway-admins"]}),
    "a longer life, unsigned": lambda: _tampered(exp=NOW + 10**6),
    "a cut signature": lambda: token()[:-8],
    "no signature": lambda: token().rsplit(".", 1)[0] + ".",
    "a signature of zeros": lambda: token().rsplit(".", 1)[0] + "." + part(bytes(256)),
    "another issuer": lambda: token(iss="https://evil.example"),
    "the issuer with a slash more": lambda: token(iss=ISSUER + "/"),
    "the issuer in a list": lambda: sealed(_HEAD, claims(iss=[ISSUER])),
    "no issuer": lambda: token(iss=None),
    "another audience": lambda: token(aud="client-2"),
    "a part of the audience": lambda: token(aud="client-"),
    "no audience": lambda: token(aud=None),
    "an empty list of audiences": lambda: token(aud=[]),
    "an audience that is an object": lambda: sealed(_HEAD, claims(aud={AUDIENCE: True})),
    "an id token's client_id": lambda: token(aud=None, client_id=AUDIENCE, token_use="id"),
    "an access token without its use": lambda: token(aud=None, client_id=AUDIENCE),
    "another client's access token": lambda: token(aud=None, client_id="client-2", token_use="access"),
    "another audience with our client_id": lambda: token(aud="client-2", client_id=AUDIENCE, token_use="access"),
    "expired a second ago": lambda: token(exp=NOW - 1),
    "expired this very second": lambda: token(exp=NOW),
    "without an end": lambda: token(exp=None),
    "an end in words": lambda: sealed(_HEAD, claims(exp="2099-01-01")),
    "an end that is true": lambda: sealed(_HEAD, claims(exp=True)),
    "an end at infinity": lambda: sealed(_HEAD, part_of(claims(), exp="1e400")),
    "an end that is no number": lambda: sealed(_HEAD, part_of(claims(), exp="NaN")),
    "an end beyond all calendars": lambda: sealed(_HEAD, claims(exp=10**15)),
    "from the future": lambda: token(nbf=NOW + 3600),
    "issued in the future": lambda: token(iat=NOW + 3600),
    "no subject": lambda: token(sub=None),
    "an empty subject": lambda: token(sub=""),
    "a subject that is a number": lambda: sealed(_HEAD, claims(sub=1)),
    "a subject without end": lambda: token(sub="s" * 300),
    "claims that are a list": lambda: sealed(_HEAD, b'["a"]'),
    "claims that are no JSON": lambda: sealed(_HEAD, b"not json"),
    "claims that are no text": lambda: sealed(_HEAD, b'{"sub": "\xff\xfe"}'),
    "claims nested without end": lambda: sealed(_HEAD, b'{"a":' + b"[" * 4000 + b"]" * 4000 + b"}"),
    "a token within a token": lambda: sealed({**_HEAD, "cty": "JWT"}, token().encode()),
    "the last of two expiries is over": lambda: sealed(_HEAD, json.dumps(claims())[:-1].encode() + f', "exp": {NOW - 5}}}'.encode()),
    "a header that is a list": lambda: sealed(b'["RS256"]', claims()),
    "a header that is no JSON": lambda: "AAAA.AAAA.AAAA",
    "a header that is no text": lambda: sealed(b'{"alg": "RS256", "kid": "\xff"}', claims()),
    "a header nested without end": lambda: sealed(b'{"alg": "RS256", "kid": "rsa", "x":' + b"[" * 4000 + b"]" * 4000 + b"}", claims()),
    "a header with a number without end": lambda: sealed(b'{"alg": "RS256", "kid": "rsa", "x": ' + b"9" * 6000 + b"}", claims()),
    "an encrypted token": lambda: ".".join([part({"alg": "RSA-OAEP", "enc": "A256GCM"}), "AAAA", "AAAA", "AAAA", "AAAA"]),
    "four parts": lambda: token() + ".AAAA",
    "a huge one": lambda: token(padding="x" * 20_000),
    "padded base64": lambda: token() + "==",
    "with a line break": lambda: token().replace(".", ".\n", 1),
    "with a NUL": lambda: token() + "\x00",
}  # fmt: skip


def part_of(content: dict[str, Any], **raw: str) -> bytes:
    """JSON in which these members have values that JSON's writers would not write."""
    text = json.dumps({name: value for name, value in content.items() if name not in raw})[:-1]
    return (text + "".join(f', "{name}": {value}' for name, value in raw.items()) + "}").encode()


GOOD: Final[dict[str, Callable[[], str]]] = {
    "RS256": token,
    "ES256": lambda: token(EC_KEY, "ES256", "ec"),
    "several audiences": lambda: token(aud=["x", AUDIENCE]),
    "a Cognito access token": lambda: token(aud=None, client_id=AUDIENCE, token_use="access"),
    "an issuer whose clock runs ahead": lambda: token(iat=NOW + 30, nbf=NOW + 30),
    "headers that name keys are passed over": lambda: token(
        headers={"jku": "https://evil.example/jwks.json", "x5u": "https://evil.example"}
    ),
    "a key in the header is passed over": lambda: token(headers={"jwk": jwk(OTHER_KEY, "rsa")}),
}

ODD_GROUPS: Final[list[tuple[Any, set[str]]]] = [
    (None, set()), ([], set()), ("", set()), ("research", {"research"}), ("a,b c", {"a", "b", "c"}), (["a", 1, None, {"x": 1}, ["b"]],
    {"a"}),
    ({"slipway-admins": True}, set()), (7, set()), (True, set()), (["*"], set()), ("*", set()), ([["slipway-admins"]], set()),
    (["slipway-admins "], {"slipway-admins "}), (["Slipway-Admins"], {"Slipway-Admins"}), (["x" * 300], set()), (["g"] * 3, {"g"}),
]  # fmt: skip
"""A groups claim, and what is made of it; none of these makes an administrator."""
