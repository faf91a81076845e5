"""Shows a model: the wish, and what became of it.

Trigger: `GET /models/{model_id}`. Takes: nothing more. Emits: nothing. Answers: 200, the ETag is the generation.
On failure: a problem document.
"""

from kit.door.http import Answer, Request, http
from serving.wiring import questions


@http
def handler(request: Request) -> Answer:
    """Read one."""
    request.caller.require("models:read")
    model = questions.read_model()(request.caller, request.path_parameters["model_id"])
    return Answer(200, model, {"etag": f'"{model["generation"]}"'})
