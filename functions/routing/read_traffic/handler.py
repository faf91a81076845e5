"""How a model's traffic is shared by its versions is shown.

Trigger: `GET /models/{model_id}/traffic`. Takes: nothing else. Emits: nothing. Answers: 200 with the traffic; the ETag is its generation.
On failure: a problem document.
"""

from kit.door.http import Answer, Request, http
from routing import wiring


@http
def handler(request: Request) -> Answer:
    """Show it."""
    request.caller.require("models:read")
    traffic = wiring.read_traffic()(request.caller, request.path_parameters["model_id"])
    return Answer(200, traffic, {"etag": f'"{traffic["generation"]}"'})
