"""Lists the models that the caller may see.

Trigger: `GET /models`. Takes: filters, `order`, `limit`, `next_token`. Emits: nothing. Answers: 200 with a page.
On failure: a problem document.
"""

from contracts.responses import ListModels
from kit.door.http import Answer, Request, http
from serving.usecases.list_models import ModelFilter
from serving.wiring import questions


@http
def handler(request: Request) -> Answer:
    """List one page."""
    request.caller.require("models:read")
    asked = request.parameters(ListModels.validate_document)
    wanted = ModelFilter(asked.status, asked.hosting, asked.group, asked.tag, asked.prefix, asked.order)
    return Answer(200, questions.list_models()(request.caller, wanted, asked.limit, asked.next_token))
