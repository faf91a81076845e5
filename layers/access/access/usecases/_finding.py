"""Which token a caller may see: its own; administrators all."""

from access.domain.token import Token
from access.ports import TokenReader
from kit.caller import Caller
from kit.errors import NotFound


def found(table: TokenReader, caller: Caller, token_id: str) -> Token:
    """The token; `NotFound("token-not-found")` alike for one that does not exist and one that belongs to somebody else."""
    token = table.find(token_id) if token_id.isascii() and token_id.isalnum() else None
    if token is None or not (caller.is_admin or token.belongs_to(caller.subject)):
        raise NotFound("token-not-found", "no such token", "List your tokens with GET /tokens.")
    return token
