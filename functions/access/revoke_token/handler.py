"""A token is revoked: worth nothing here from this answer on, at the routers within a second or two.

Trigger: `DELETE /tokens/{token_id}`. Takes: the id, `Idempotency-Key`. Emits: `TokenRevoked`, through the ledger. Answers: 200.
On failure: a problem document; 404 alike for one that is not there and one that is somebody else's.
"""

from access import wiring
from kit.door.command import asked
from kit.door.http import Answer, Request, http


@http
def handler(request: Request) -> Answer:
    """Revoke one; again is as good as once."""
    token_id = request.path_parameters["token_id"]
    order = asked(request, "DELETE /tokens", token_id=token_id)
    token = wiring.revoke_token()(token_id, request.caller, order, request.request_id)
    return Answer(200, token.document(), {"etag": f'"{token.generation}"'})
