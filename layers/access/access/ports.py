"""What access needs of the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from access.domain.keys import Key
from access.domain.token import Token
from contracts.tokens import Peppers
from kit.caller import Command
from kit.envelope import Cause
from kit.row import Row

if TYPE_CHECKING:  # the authorizer is in every request's way, and shall not load contracts that only others need
    from contracts.limits import Kind, SubjectLimits
    from contracts.spending import Account, Window


@dataclass(frozen=True)
class Issued:
    """What is remembered of an answered request for a token: enough to show it again together with the pepper, too little without."""

    token: Token
    salt: str


class TokenReader(Protocol):
    """The tokens, read strongly consistently."""

    def find(self, token_id: str) -> Token | None:
        """The token with this id, or None."""
        ...


class TokenTable(TokenReader, Protocol):
    """The tokens, and the commands about them."""

    def page(self, owner: str | None, after: str | None, limit: int) -> tuple[list[Token], str | None]:
        """At most `limit` tokens (of one owner, or all) by id, behind the id `after`; and the id to go on behind, None at the end."""
        ...

    def issued_for(self, command: Command) -> Issued | None:
        """What this command was answered before; `Conflict` if its key was used for another request."""
        ...

    def revoked_for(self, command: Command) -> Token | None:
        """What this command was answered before; `Conflict` if its key was used for another request."""
        ...

    def issue(self, issued: Issued, command: Command, cause: Cause) -> None:
        """Write the token, remember the command, record `TokenIssued`; `Contended` if another write came first."""
        ...

    def revoke(self, before: Token, after: Token, command: Command, cause: Cause) -> None:
        """Write the token as it is now, remember the command, record `TokenRevoked`; `Contended` if another write came first."""
        ...


class LimitTable(Protocol):
    """The limits, and the commands about them."""

    def find_limits(self, key: str) -> SubjectLimits | None:
        """The limits with this key (`{kind}#{id}`), or None."""
        ...

    def page_limits(self, kind: Kind | None, after: str | None, limit: int) -> tuple[list[SubjectLimits], str | None]:
        """At most `limit` of them (of one kind, or all) by key, behind the key `after`; and the key to go on behind, None at the end."""
        ...

    def limits_for(self, command: Command) -> SubjectLimits | None:
        """What this command was answered before; `Conflict` if its key was used for another request."""
        ...

    def next_generation(self) -> int:
        """The generation that the next change will have, unless another comes first."""
        ...

    def change_limits(
        self, before: SubjectLimits | None, after: SubjectLimits | None, generation: int, command: Command, cause: Cause
    ) -> None:
        """Write or remove (`after` None) the limits, remember the command with what it answers, record `LimitsChanged`; `Contended` if
        another write came first."""
        ...


class SpendReader(Protocol):
    """What routers have written down as spent."""

    def account(self, kind: Kind, subject_id: str, window: Window) -> Account:
        """The account of a subject in one period, read strongly consistently; an empty one where nothing was spent."""
        ...


class PepperSource(Protocol):
    """The peppers, as the secret holds them."""

    def peppers(self, needed: str | None = None) -> Peppers:
        """All generations, at most minutes old; fetched anew if the one that is `needed` is not among them. `Transient` if unreachable."""
        ...


class Keys(Protocol):
    """The issuer's public keys."""

    def find(self, kid: str) -> Key | None:
        """The key with this id, None if there is none; `Transient` when the issuer cannot be reached and no key set is known."""
        ...


class Signatures(Protocol):
    """Takes signed tokens apart; knows nothing of their claims' meaning."""

    def header(self, token: str) -> Mapping[str, Any]:
        """The unverified header; `identity.TokenRefused` if there is none."""
        ...

    def claims(self, token: str, header: Mapping[str, Any], key: Key) -> Mapping[str, Any]:
        """The claims, if the signature holds under this key; `identity.TokenRefused` otherwise."""
        ...


class Announcer(Protocol):
    """Tells the bus what was recorded."""

    def announce(self, row: Row) -> None:
        """Publish one ledger row's event."""
        ...

    def announce_forgotten(self) -> int:
        """Publish what was recorded over a minute ago and never announced; answers how many."""
        ...
