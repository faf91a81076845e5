"""Who may come, by the credential that they bring."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.tokens import mint
from tests.borders.estate import ALL_SCOPES, Estate

ISSUER, AUDIENCE = "https://issuer.example", "slipway"
READS = ("models:read",)
_LONG_AGO = "2026-01-01T00:00:00.000Z"


@dataclass(frozen=True)
class Principal:
    """A caller: group and scopes as they count, whether the authorizer lets them in, `only` the model that a token is restricted to.

    `admitted`: 401 without a credential and 403 with one that is worth nothing are the gateway's own answers.
    """

    name: str
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    refused: int | None = None

    @property
    def is_admin(self) -> bool:
        """Whether everything is theirs."""
        return "admin" in self.scopes

    def holds(self, scope: str) -> bool:
        """Whether a scope is theirs."""
        return self.is_admin or scope in self.scopes

    def sees(self, model_id: str, group: str) -> bool:
        """Whether a model of this group exists for them."""
        return (self.only is None or model_id in self.only) and (self.is_admin or group in self.groups)


PRINCIPALS = (
    Principal("nobody", refused=401),
    Principal("malformed", refused=403),
    Principal("unknown", refused=403),
    Principal("forged", refused=403),
    Principal("expired", refused=403),
    Principal("revoked", refused=403),
    Principal("foreign-person", refused=403),
    Principal("other-reader", ("sales",), READS),
    Principal("other-writer", ("sales",), ALL_SCOPES),
    Principal("reader", ("research",), READS),
    Principal("writer", ("research",), ALL_SCOPES),
    Principal("asker", ("research",), ("inference",)),
    Principal("issuer", ("research",), ("tokens:write",)),
    Principal("keeper", (), ("limits:write",)),
    Principal("restricted", ("research",), ("models:read", "inference"), only=("off",)),
    Principal("groupless", (), ALL_SCOPES),
    Principal("admin", (), ("admin",)),
    Principal("person", ("research",), ("models:read", "inference")),
    Principal("person-elsewhere", ("sales",), ("models:read", "inference")),
    Principal("administrating-person", ("slipway-admins",), ("admin",)),
)


@dataclass(frozen=True)
class Principals:
    """Everybody's `Authorization` header by name; None = they send none."""

    estate: Estate
    headers: Mapping[str, str | None]


def admit(estate: Estate, person: Callable[..., str]) -> Principals:
    """Issue to everybody of `PRINCIPALS` what they come with. `person(*groups)` makes a JWT of the issuer."""
    headers: dict[str, str | None] = {}
    for one in PRINCIPALS:
        if one.refused is None and "person" not in one.name:
            wish: dict[str, Any] = {
                "groups": list(one.groups),
                "scopes": list(one.scopes),
                "models": None if one.only is None else list(one.only),
            }
            headers[one.name] = f"Bearer {estate.issue(one.name, **wish)}"
    known = estate.token_id("writer")
    estate.issue("expired", groups=["research"], scopes=list(ALL_SCOPES))
    estate.issue("revoked", groups=["research"], scopes=["admin"])
    estate.change_token("expired", expires_at=_LONG_AGO)
    estate.change_token("revoked", revoked_at=_LONG_AGO)
    headers |= {
        "nobody": None,
        "malformed": "Bearer slp_x",
        "unknown": f"Bearer {mint('a' * 16, 'b' * 43)}",
        "forged": f"Bearer {mint(known, 'b' * 43)}",
        "expired": f"Bearer {estate.tokens['expired']}",
        "revoked": f"Bearer {estate.tokens['revoked']}",
        "foreign-person": "Bearer " + person("slipway-admins")[:-8] + "AAAAAAAA",
        "person": f"Bearer {person('research')}",
        "person-elsewhere": f"Bearer {person('sales')}",
        "administrating-person": f"Bearer {person('slipway-admins')}",
    }
    for name, holder, group in (("writers", "writer", "research"), ("strangers", "other-writer", "sales")):
        caller = {"subject": f"token:{estate.token_id(holder)}", "kind": "token", "groups": [group], "scopes": list(ALL_SCOPES)}
        estate.issue(name, caller=caller, groups=[group], scopes=["inference"])
    estate.keep()
    return Principals(estate, headers)
