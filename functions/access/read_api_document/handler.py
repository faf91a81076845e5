"""The management API describes itself, to everybody.

Trigger: `GET /openapi.json`, without authorizer. Takes: `If-None-Match`. Emits: nothing. Answers: 200 with the document, or 304.
On failure: the API's own 500; there is nothing to write and nothing to retry.
"""

from typing import Any

from access import wiring
from kit.observability import tracer


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - the runtime's signature
    """Answer the document, unless the caller has it already."""
    document = wiring.read_api_document()()
    headers = {"content-type": "application/json", "etag": document.etag, "cache-control": "public, max-age=300"}
    known = {name.lower(): value for name, value in (event.get("headers") or {}).items()}.get("if-none-match", "")
    if document.etag in known:
        return {"statusCode": 304, "headers": headers, "body": ""}
    return {"statusCode": 200, "headers": headers, "body": document.text}
