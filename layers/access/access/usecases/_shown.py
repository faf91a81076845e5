"""A token as it is shown: everything but the token and its digest."""

from access.domain.token import Token
from contracts.access import Token as Shown


def shown(token: Token) -> Shown:
    """The contract for a row."""
    return Shown.validate_document(
        {
            "token_id": token.token_id,
            "name": token.name,
            "principal": token.principal,
            "groups": list(token.groups),
            "scopes": list(token.scopes),
            "models": None if token.models is None else list(token.models),
            "expires_at": token.expires_at,
            "revoked_at": token.revoked_at,
            "created_by": token.created_by,
            "created_at": token.created_at,
            "generation": token.generation,
        }
    )
