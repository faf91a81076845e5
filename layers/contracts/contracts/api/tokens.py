"""API tokens."""

from functools import partial
from typing import Final

from contracts import views
from contracts.access import IssueToken, Token
from contracts.api.route import ApiRoute
from contracts.common import Page

_route = partial(ApiRoute, context="access", scope="tokens:write")

TOKENS: Final = (
    _route(
        method="POST",
        path="/tokens",
        function="issue_token",
        summary="Issue an API token; the token itself is in this answer, and only here",
        status=201,
        body=IssueToken,
        answer=views.IssuedToken,
        idempotent=True,
        refusals=("group-not-yours", "token-not-shown-again"),
    ),
    _route(
        method="GET",
        path="/tokens",
        function="list_tokens",
        summary="List tokens, without the tokens themselves",
        query=Page,
        answer=views.TokenList,
    ),
    _route(
        method="GET",
        path="/tokens/{token_id}",
        function="read_token",
        summary="Read what a token may do",
        answer=Token,
        tagged=True,
        refusals=("token-not-found",),
    ),
    _route(
        method="DELETE",
        path="/tokens/{token_id}",
        function="revoke_token",
        summary="Revoke a token, from now on and everywhere",
        answer=Token,
        idempotent=True,
        refusals=("token-not-found",),
    ),
)
