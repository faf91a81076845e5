"""Shows who did what, across all models, versions and tokens.

Trigger: `GET /audit`. Takes: filters, `order`, `limit`, `next_token`, `format`. Emits: nothing. Answers: 200 with a page; as lines of JSON
where `format=ndjson` or the Accept header asks for that, with the token to go on in `x-next-token`.
On failure: a problem document.
"""

from contracts.audit import ListAudit
from kit.door.http import Answer, Request, http
from usage import wiring
from usage.domain.audit import Wanted
from usage.domain.lines import written


@http
def handler(request: Request) -> Answer:
    """Show one page."""
    request.caller.require("admin")
    asked = request.parameters(ListAudit.validate_document)
    wanted = Wanted(asked.actor, asked.model_id, asked.event_type, asked.since, asked.until, asked.order == "desc")
    page = wiring.read_audit()(request.caller, wanted, asked.limit, asked.next_token)
    if not asked.wants_lines(request.headers.get("accept", "")):
        return Answer(200, page)
    kind, text = written(page["items"], "ndjson")
    return Answer(200, text, {"content-type": kind, **({"x-next-token": page["next_token"]} if page["next_token"] else {})})
