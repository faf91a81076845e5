"""Shows what was used and what it cost, by day, model, version, token and group.

Trigger: `GET /usage`. Takes: days, `group_by`, filters, `limit`, `next_token`, `format`. Emits: nothing. Answers: 200 with a page; as CSV
or lines of JSON where `format` or the Accept header asks for that, with the token to go on in `x-next-token`.
On failure: a problem document.
"""

from datetime import date

from contracts.usage import ListUsage
from kit.door.http import Answer, Request, http
from usage import wiring
from usage.domain.lines import written
from usage.domain.rollup import Asked


@http
def handler(request: Request) -> Answer:
    """Show one page."""
    request.caller.require("models:read")
    given = request.parameters(ListUsage.validate_document)
    first, last = (date.fromisoformat(day) if day else None for day in (given.from_day, given.to_day))
    asked = Asked(first, last, tuple(given.group_by.split(",")), given.model, given.version, given.token, given.group)
    page = wiring.read_usage()(request.caller, asked, given.limit, given.next_token)
    media = given.media(request.headers.get("accept", ""))
    if media == "json":
        return Answer(200, page)
    kind, text = written(page["items"], media)
    return Answer(200, text, {"content-type": kind, **({"x-next-token": page["next_token"]} if page["next_token"] else {})})
