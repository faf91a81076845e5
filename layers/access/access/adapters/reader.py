"""Reading tokens from DynamoDB; apart from the rest of the table, and without pydantic, as every request waits for it."""

from typing import Any

from access.domain.token import Token
from contracts.tokens import TOKEN_PREFIX, TOKENS_PARTITION
from kit.table import Table


class DynamoTokenReader:
    """Strongly consistent, so that a revocation holds from the moment it is answered."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, token_id: str) -> Token | None:
        """The token with this id, or None."""
        row = self._table.get(TOKENS_PARTITION, TOKEN_PREFIX + token_id)
        return None if row is None else token_in(row.document)


def token_in(document: dict[str, Any]) -> Token:
    """The token in a row's document (`contracts.access.TokenRow`)."""
    lists = {name: tuple(document[name]) for name in ("groups", "scopes")}
    models = document["models"]
    return Token(**{**document, **lists, "models": None if models is None else tuple(models)})
