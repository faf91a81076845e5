"""What one token may do is shown, without the token.

Trigger: `GET /tokens/{token_id}`. Takes: the id. Emits: nothing. Answers: 200 with the token's row; the ETag is its generation.
On failure: a problem document; 404 alike for one that is not there and one that is somebody else's.
"""

from access import wiring
from kit.door.http import Answer, Request, http


@http
def handler(request: Request) -> Answer:
    """Read one."""
    token = wiring.read_token()(request.path_parameters["token_id"], request.caller)
    return Answer(200, token.document(), {"etag": f'"{token.generation}"'})
