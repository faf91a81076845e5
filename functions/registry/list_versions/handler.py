"""The versions of a model are listed, with the verdict on each.

Trigger: `GET /models/{model_id}/versions`. Takes: `limit`, `next_token`. Emits: nothing. Answers: 200 with a page.
On failure: a problem document; 404 alike for a model that is not there and one that is not the caller's to see.
"""

from contracts.common import Page
from kit.door.http import Answer, Request, http
from registry import wiring


@http
def handler(request: Request) -> Answer:
    """List one page."""
    page = request.parameters(Page.validate_document)
    return Answer(200, wiring.list_versions()(request.path_parameters["model_id"], page, request.caller))
