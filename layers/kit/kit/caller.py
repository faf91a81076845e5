"""Who asks, and what exactly; pure, so that use cases may speak of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kit.errors import Forbidden


@dataclass(frozen=True)
class Caller:
    """Who is asking, as the authorizer established it. `groups`, `scopes` and `only` decide what exists for them.

    `only` names the things that a restricted credential is for; None = all that the groups allow.
    """

    subject: str
    kind: str = "token"
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    token_id: str | None = None
    only: tuple[str, ...] | None = None

    @property
    def is_admin(self) -> bool:
        """Whether every model and every command is theirs."""
        return "admin" in self.scopes

    def require(self, scope: str) -> None:
        """`Forbidden("scope-missing")` unless the caller holds `scope` (admins hold all)."""
        if not self.is_admin and scope not in self.scopes:
            raise Forbidden("scope-missing", f"this needs the scope {scope}", "Ask an administrator for a token with that scope.")

    def may_see(self, name: str, allowed_groups: Sequence[str]) -> bool:
        """Whether the thing of this name, with these allowed groups, exists for the caller (`*` = for everyone)."""
        if self.only is not None and name not in self.only:
            return False
        return self.is_admin or "*" in allowed_groups or bool(set(self.groups) & set(allowed_groups))


@dataclass(frozen=True)
class Command:
    """Who asks what, under which key. `key` is None when the caller did not send one: then nothing is remembered."""

    caller: str
    key: str | None
    digest: str


def command(caller: str, key: str | None, request: Mapping[str, Any]) -> Command:
    """The command that `caller` sends; `request` is everything that makes it this command (method, path, body, preconditions)."""
    text = json.dumps(request, sort_keys=True, separators=(",", ":"))
    return Command(caller, key, hashlib.sha256(text.encode()).hexdigest())
