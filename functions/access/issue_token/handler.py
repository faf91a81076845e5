"""A new API token is issued and shown this once.

Trigger: `POST /tokens`. Takes: `IssueToken`, `Idempotency-Key`. Emits: `TokenIssued`, through the ledger. Answers: 201 with the token.
On failure: a problem document; nothing is written unless everything is.
"""

from access import wiring
from contracts.access import IssueToken
from kit.door.command import asked
from kit.door.http import Answer, Request, http


@http
def handler(request: Request) -> Answer:
    """Issue one."""
    wish = request.body(IssueToken.validate_document)
    order = asked(request, "POST /tokens", body=wish.document())
    answer = wiring.issue_token()(wish, request.caller, order, request.request_id)
    return Answer(201, answer, {"location": f"/tokens/{answer['token_id']}"})
