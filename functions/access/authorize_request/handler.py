"""Everybody who calls the management API is recognised here, or goes no further.

Trigger: HTTP API REQUEST authorizer, payload 2.0, simple responses. Takes: the `Authorization` header.
Emits: nothing.
On failure: raises, so that the API answers 500; trouble never lets anybody in.
"""

from typing import Any

from access import wiring
from kit.door.principal import principal_context
from kit.observability import logger, tracer


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - the runtime's signature
    """Answer whether the request is let in, and for whom."""
    logger.clear_state()
    logger.append_keys(correlation_id=event.get("requestContext", {}).get("requestId"))
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    verdict = wiring.authorize_request()(headers.get("authorization"))
    if verdict.caller is None:
        logger.info("not let in", extra={"reason": verdict.reason})
        return {"isAuthorized": False, "context": {}}
    return {"isAuthorized": True, "context": principal_context(verdict.caller)}
