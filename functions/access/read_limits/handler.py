"""What a token, a group or a model may use is shown, and what is spent and left of each budget.

Trigger: `GET /limits/{subject_kind}/{subject_id}`. Takes: kind and id. Emits: nothing. Answers: 200; the ETag is the limits' generation.
On failure: a problem document.
"""

from access import wiring
from kit.door.http import Answer, Request, http


@http
def handler(request: Request) -> Answer:
    """Read them."""
    limits = wiring.read_limits()(request.path_parameters["subject_kind"], request.path_parameters["subject_id"], request.caller)
    return Answer(200, limits.document(), {"etag": f'"{limits.generation}"'})
