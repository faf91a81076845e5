"""Access's ports in memory."""

from collections.abc import Mapping
from typing import Any

from access.domain.keys import Key
from access.domain.token import Token
from access.ports import Issued
from contracts.identity import TokenRefused
from contracts.tokens import Peppers
from kit.caller import Command
from kit.envelope import Cause
from kit.errors import Conflict, Contended


class FakeTokenTable:
    """A token table in a dictionary; `contended` writes are overtaken by somebody else's first."""

    def __init__(self, contended: int = 0) -> None:
        self.tokens: dict[str, Token] = {}
        self.commands: dict[tuple[str, str], tuple[str, Issued | Token]] = {}
        self.causes: list[Cause] = []
        self.contended = contended

    def find(self, token_id: str) -> Token | None:
        """The token with this id."""
        return self.tokens.get(token_id)

    def page(self, owner: str | None, after: str | None, limit: int) -> tuple[list[Token], str | None]:
        """One page by id."""
        every = [
            token for name, token in sorted(self.tokens.items()) if (owner is None or token.belongs_to(owner)) and name > (after or "")
        ]
        return every[:limit], every[limit - 1].token_id if len(every) > limit else None

    def issued_for(self, command: Command) -> Issued | None:
        """What was answered before."""
        answer = self._answer(command)
        return answer if isinstance(answer, Issued) else None

    def revoked_for(self, command: Command) -> Token | None:
        """What was answered before."""
        answer = self._answer(command)
        return answer if isinstance(answer, Token) else None

    def issue(self, issued: Issued, command: Command, cause: Cause) -> None:
        """Write it."""
        self._write(issued.token, issued, command, cause)

    def revoke(self, before: Token, after: Token, command: Command, cause: Cause) -> None:
        """Write it."""
        assert self.tokens[before.token_id] == before
        self._write(after, after, command, cause)

    def _write(self, token: Token, answer: Issued | Token, command: Command, cause: Cause) -> None:
        if self.contended:
            self.contended -= 1
            raise Contended("condition-failed", "changed in the meantime")
        self.tokens[token.token_id] = token
        self.causes.append(cause)
        if command.key is not None:
            self.commands[command.caller, command.key] = (command.digest, answer)

    def _answer(self, command: Command) -> Issued | Token | None:
        digest, answer = self.commands.get((command.caller, command.key or ""), (command.digest, None))
        if digest != command.digest:
            raise Conflict("idempotency-key-reused", "another request")
        return answer


class FakePeppers:
    """Peppers that a test may rotate."""

    def __init__(self, current: str = "1", **by_id: str) -> None:
        self.content = Peppers(current, {name: text.encode() for name, text in (by_id or {"1": "salt-and"}).items()})

    def peppers(self, needed: str | None = None) -> Peppers:
        """All generations."""
        return self.content


class FakeKeys:
    """A key set in a dictionary."""

    def __init__(self, *keys: Key) -> None:
        self.keys = {str(key["kid"]): key for key in keys}

    def find(self, kid: str) -> Key | None:
        """The key with this id."""
        return self.keys.get(kid)


class FakeSignatures:
    """Believes every token, whose header and claims are what the test says."""

    def __init__(self, header: Mapping[str, Any], claims: Mapping[str, Any] | None) -> None:
        self.known_header, self.known_claims = header, claims

    def header(self, token: str) -> Mapping[str, Any]:
        """The header."""
        return self.known_header

    def claims(self, token: str, header: Mapping[str, Any], key: Key) -> Mapping[str, Any]:
        """The claims, unless there are none."""
        if self.known_claims is None:
            raise TokenRefused("signature-refused")
        return self.known_claims
