"""Faults at the wire, for tests: throttling, 5xx, delay, a reply lost after success. Signatures and roles stay intact.

`POST /_slipway/faults` with a JSON list of rules replaces all rules and answers the rules and what fired; `GET` answers only.
"""

import asyncio
import json
import re
from typing import Any

from ministack import app
from ministack.core.iam_actions import extract_iam_action
from ministack.core.router import detect_service
from ministack.services import sts

from local.emulator.faults import RULES, Fault
from local.emulator.pin import expect, replace

PATH = "/_slipway/faults"
Response = tuple[int, dict[str, Any], bytes]
_CREDENTIAL = re.compile(r"Credential=([^/,]+)/")


def apply() -> None:
    """Wrap the dispatcher and add the path."""
    expect(app._dispatch_service_request, "routing_params = _routing_params(method, path, headers, body, query_params)")
    expect(app.app, "await _handle_post_body_shortcuts(method, path, headers, body, query_params, request_id)")
    dispatch, shortcuts = app._dispatch_service_request, app._handle_post_body_shortcuts

    async def dispatch_with_faults(method: str, path: str, headers: dict[str, str], body: bytes, query: Any, request_id: str) -> Any:
        fault = _fault(method, path, headers, body, query) if RULES.rules else None
        if fault is None:
            return await dispatch(method, path, headers, body, query, request_id)
        await asyncio.sleep(fault.delay_seconds)
        if fault.when == "after":
            await dispatch(method, path, headers, body, query, request_id)
            return 502, {"Content-Type": "text/plain"}, b""
        if fault.code:
            return _error(fault, headers, request_id)
        return await dispatch(method, path, headers, body, query, request_id)

    async def shortcuts_with_rules(method: str, path: str, headers: dict[str, str], body: bytes, query: Any, request_id: str) -> Any:
        if path != PATH:
            return await shortcuts(method, path, headers, body, query, request_id)
        if method == "POST":
            try:
                RULES.load(json.loads(body or b"[]"))
            except (TypeError, ValueError) as error:
                return 400, {"Content-Type": "application/json"}, json.dumps({"message": str(error)}).encode()
        return 200, {"Content-Type": "application/json"}, json.dumps(RULES.snapshot()).encode()

    replace(app, "_dispatch_service_request", dispatch_with_faults)
    replace(app, "_handle_post_body_shortcuts", shortcuts_with_rules)


def _fault(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Fault | None:
    parameters = app._routing_params(method, path, headers, body, query)
    service = detect_service(method, path, headers, parameters)
    action = extract_iam_action(service, method, path, headers, body, parameters) or ""
    if service == "dynamodb" and "." in headers.get("x-amz-target", ""):
        action = "dynamodb:" + headers["x-amz-target"].rsplit(".", 1)[-1]  # a transaction is checked as its parts, but named as itself
    found = _CREDENTIAL.search(headers.get("authorization", ""))
    session = sts._sessions.get(found.group(1)) if found else None
    caller = session["Arn"] if session else (found.group(1) if found else "")
    return RULES.match(action, caller, body)


def _error(fault: Fault, headers: dict[str, str], request_id: str) -> Response:
    if "x-amz-target" in headers:
        body = json.dumps({"__type": fault.code, "message": fault.message}).encode()
        return (
            fault.status,
            {"Content-Type": "application/x-amz-json-1.0", "x-amzn-errortype": fault.code, "x-amzn-requestid": request_id},
            body,
        )
    xml = f"<ErrorResponse><Error><Code>{fault.code}</Code><Message>{fault.message}</Message></Error></ErrorResponse>"
    if "application/json" in headers.get("content-type", ""):
        body = json.dumps({"code": fault.code, "message": fault.message}).encode()
        return fault.status, {"Content-Type": "application/json", "x-amzn-errortype": fault.code}, body
    return fault.status, {"Content-Type": "text/xml"}, xml.encode()
