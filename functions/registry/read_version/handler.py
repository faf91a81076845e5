"""One version of a model is shown, with the evidence that it may be served.

Trigger: `GET /models/{model_id}/versions/{version}`. Takes: model id and version. Emits: nothing. Answers: 200 with the version.
On failure: a problem document; 404 alike for what is not there and what is not the caller's to see.
"""

from kit.door.http import Answer, Request, http
from registry import wiring


@http
def handler(request: Request) -> Answer:
    """Read one."""
    named = request.path_parameters
    return Answer(200, wiring.read_version()(named["model_id"], named["version"], request.caller))
