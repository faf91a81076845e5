"""The limits of tokens, groups and models are listed.

Trigger: `GET /limits`. Takes: `kind`, `limit`, `next_token`. Emits: nothing. Answers: 200 with a page.
On failure: a problem document.
"""

from access import wiring
from contracts.limits import ListLimits
from kit.door.http import Answer, Request, http


@http
def handler(request: Request) -> Answer:
    """List one page."""
    return Answer(200, wiring.list_limits()(request.parameters(ListLimits.validate_document), request.caller))
