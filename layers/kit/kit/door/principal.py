"""Who is asking, as the authorizer hands it on to the functions behind it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from kit.caller import Caller
from kit.errors import Unauthenticated


def principal_context(caller: Caller) -> dict[str, str]:
    """What the authorizer hands on: one JSON string, as the HTTP API passes only plain values."""
    return {"principal": json.dumps({name: value for name, value in asdict(caller).items() if value is not None})}


def caller_of(request_context: Mapping[str, Any]) -> Caller:
    """The caller in an HTTP event's `requestContext`; `Unauthenticated` if no authorizer has let it in."""
    authorized = (request_context.get("authorizer") or {}).get("lambda") or {}
    if not authorized.get("principal"):
        raise Unauthenticated("not-authenticated", "no principal behind this request")
    principal = json.loads(authorized["principal"])
    return Caller(
        subject=principal["subject"],
        kind=principal.get("kind", "token"),
        groups=tuple(principal.get("groups", ())),
        scopes=tuple(principal.get("scopes", ())),
        token_id=principal.get("token_id"),
        only=None if principal.get("only") is None else tuple(principal["only"]),
    )
