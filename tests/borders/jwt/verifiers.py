"""The two who verify: the management API's authorizer and the router. Everything is theirs but the clock and the way to the issuer."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from access.adapters.oidc import PyJwtSignatures
from access.domain.keys import KeyRing
from access.usecases.authorize_request import AuthorizeRequest
from contracts.identity import OidcRules
from router.errors import ApiError
from router.identity import Authenticator, TokenTable
from router.oidc import KeySet, OidcVerifier
from tests.borders.jwt.forgeries import AUDIENCE, ISSUER, NOW, key_set
from tests.fakes.access import FakePeppers, FakeTokenTable

RULES = OidcRules(ISSUER, AUDIENCE)


@dataclass(frozen=True)
class Who:
    """Whom a verifier saw."""

    subject: str
    groups: frozenset[str]
    admin: bool


class Verifier(Protocol):
    """Judges an `Authorization` header: whom it stands for, None for nobody. Anything else that comes out is a fault."""

    issuer: "Issuer"

    def judge(self, header: str) -> Who | None:
        """Whom the header stands for."""
        ...


class Issuer:
    """Publishes keys, counts how often it is asked, and tells the time in seconds since 1970."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = key_set()
        self.asked, self.now = 0, NOW

    def fetch(self) -> Sequence[dict[str, Any]]:
        """The keys."""
        self.asked += 1
        return list(self.keys)

    async def fetch_set(self) -> dict[str, Any]:
        """The same as a document."""
        return {"keys": list(self.fetch())}


class _Clock:
    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._issuer.now, UTC)


class AuthorizerSide:
    """The authorizer's use case over its real adapters."""

    def __init__(self) -> None:
        self.issuer = Issuer()
        clock = _Clock(self.issuer)
        ring = KeyRing(self.issuer.fetch, clock.now)
        self._authorize = AuthorizeRequest(FakeTokenTable(), FakePeppers(), ring, PyJwtSignatures(), RULES, clock)

    def judge(self, header: str) -> Who | None:
        """See `Verifier`."""
        caller = self._authorize(header).caller
        return None if caller is None else Who(caller.subject, frozenset(caller.groups), caller.is_admin)


class RouterSide:
    """The router's authenticator."""

    def __init__(self) -> None:
        self.issuer = Issuer()
        verifier = OidcVerifier(RULES, KeySet(self.issuer.fetch_set, lambda: self.issuer.now))
        self._authenticator = Authenticator(TokenTable(), verifier, lambda: self.issuer.now)

    def judge(self, header: str) -> Who | None:
        """See `Verifier`."""
        try:
            caller = asyncio.run(self._authenticator.authenticate(header))
        except ApiError as error:
            if error.status != 401:
                raise
            return None
        return Who(caller.subject, caller.groups, caller.admin)


SIDES: dict[str, Callable[[], Verifier]] = {"authorizer": AuthorizerSide, "router": RouterSide}
