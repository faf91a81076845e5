"""The OIDC issuer: its key set over HTTPS, and signatures checked with PyJWT."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from access.domain.keys import Key
from contracts.identity import TokenRefused
from kit.errors import Broken, Transient

_MAX_KEY_SET_BYTES = 262_144
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The address is pinned: a redirect is an answer like any other error."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""
        return


class KeySetAddress:
    """Fetches the key set (RFC 7517) from the one address that the operator configured; nothing in a token can name another."""

    def __init__(self, address: str, timeout: float = 2) -> None:
        parts = urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise Broken("settings-invalid", "OIDC_JWKS_URI must be an https address", "Only a laptop's loopback may go without TLS.")
        self._address, self._timeout = address, timeout
        self._opener = urllib.request.build_opener(_NoRedirects)

    def __call__(self) -> Sequence[Key]:
        """The keys; `Transient` if they cannot be had or make no sense."""
        try:
            with self._opener.open(self._address, timeout=self._timeout) as answer:
                content = answer.read(_MAX_KEY_SET_BYTES + 1)
            keys = json.loads(content)["keys"] if len(content) <= _MAX_KEY_SET_BYTES else None
        except (OSError, HTTPException, ValueError, LookupError, TypeError, RecursionError) as error:
            raise Transient("issuer-unreachable", f"the issuer's keys cannot be fetched: {type(error).__name__}") from error
        if not isinstance(keys, list):
            raise Transient("issuer-unreachable", "the issuer's key set is malformed or too large")
        return [key for key in keys if isinstance(key, dict)]


class NoKeys:
    """Where no issuer is configured."""

    def find(self, kid: str) -> Key | None:  # noqa: ARG002 - the port's signature
        """There is none."""
        return None


class PyJwtSignatures:
    """Signatures only: every claim is judged by `contracts.identity`, so that routers and authorizer agree.

    PyJWT and the cryptography behind it are imported at the first JWT: callers with an API token never wait for them.
    """

    def header(self, token: str) -> Mapping[str, Any]:
        """The unverified header."""
        import jwt

        try:
            return dict(jwt.get_unverified_header(token))
        except (jwt.PyJWTError, ValueError, RecursionError) as error:  # a header nested a thousand deep is no PyJWTError
            raise TokenRefused("token-malformed") from error

    def claims(self, token: str, header: Mapping[str, Any], key: Key) -> Mapping[str, Any]:
        """The claims under a signature that holds, made with exactly the header's algorithm."""
        import jwt

        algorithm = str(header["alg"])
        checks = ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
        options: Any = {"verify_signature": True, "enforce_minimum_key_length": True, **{f"verify_{name}": False for name in checks}}
        try:
            verifier = jwt.PyJWT(options=options)
            return dict(verifier.decode(token, jwt.PyJWK(dict(key), algorithm=algorithm), algorithms=[algorithm]))
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise TokenRefused("signature-refused") from error
