"""Shows what depends on a model, and keeps it from being deleted.

Trigger: `GET /models/{model_id}/users`. Takes: nothing more. Emits: nothing. Answers: 200. On failure: a problem document.
"""

from kit.door.http import Answer, Request, http
from serving.wiring import questions


@http
def handler(request: Request) -> Answer:
    """List them."""
    request.caller.require("models:read")
    return Answer(200, questions.list_model_users()(request.caller, request.path_parameters["model_id"]))
