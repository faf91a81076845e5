"""Shows a model's timeline: who did what, before and after.

Trigger: `GET /models/{model_id}/events`. Takes: `order`, `limit`, `next_token`. Emits: nothing. Answers: 200 with a page.
On failure: a problem document.
"""

from contracts.responses import ListEvents
from kit.door.http import Answer, Request, http
from serving.wiring import questions


@http
def handler(request: Request) -> Answer:
    """List one page."""
    request.caller.require("models:read")
    asked = request.parameters(ListEvents.validate_document)
    model_id = request.path_parameters["model_id"]
    return Answer(200, questions.list_model_events()(request.caller, model_id, asked.order, asked.limit, asked.next_token))
