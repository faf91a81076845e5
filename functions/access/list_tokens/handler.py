"""The caller's tokens are listed; for administrators, all.

Trigger: `GET /tokens`. Takes: `limit`, `next_token`. Emits: nothing. Answers: 200 with a page.
On failure: a problem document.
"""

from access import wiring
from contracts.common import Page
from kit.door.http import Answer, Request, http


@http
def handler(request: Request) -> Answer:
    """List one page."""
    return Answer(200, wiring.list_tokens()(request.parameters(Page.validate_document), request.caller))
