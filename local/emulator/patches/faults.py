"""Faults at the wire, for tests: throttling, 5xx, delay, a reply lost after success, a connection that breaks. Signatures and roles stay
intact. Faults of what happens without a wire, too: an invocation that fails before or after its work, a place that is not found for a task.

`POST /_slipway/faults?seed=…` with a JSON list of rules replaces all rules and answers the rules and what fired; `GET` answers only.
Off unless SLIPWAY_FAULTS is set: whoever reaches the port could make every call fail.
"""

import asyncio
import contextvars
import json
import os
import re
import threading
import time
from typing import Any

from hypercorn.protocol.events import StreamClosed
from hypercorn.protocol.http_stream import HTTPStream
from ministack import app
from ministack.core.iam_actions import extract_iam_action
from ministack.core.responses import get_account_id, get_region, json_response, request_scope
from ministack.core.router import detect_service
from ministack.services import ecs, lambda_svc, sts

from local.emulator.faults import RULES, Fault
from local.emulator.pin import expect, replace
from local.emulator.task_events import service_acted

PATH = "/_slipway/faults"
Response = tuple[int, dict[str, Any], bytes]
_CREDENTIAL = re.compile(r"Credential=([^/,]+)/")
PLACED_AGAIN_SECONDS = 1.0
_broken: contextvars.ContextVar[bool] = contextvars.ContextVar("broken", default=False)


def apply() -> None:
    """Wrap the dispatcher, what happens without it, and add the path."""
    expect(app._dispatch_service_request, "routing_params = _routing_params(method, path, headers, body, query_params)")
    expect(app.app, "await _handle_post_body_shortcuts(method, path, headers, body, query_params, request_id)")
    if not os.environ.get("SLIPWAY_FAULTS"):
        return
    dispatch, shortcuts = app._dispatch_service_request, app._handle_post_body_shortcuts

    async def dispatch_with_faults(method: str, path: str, headers: dict[str, str], body: bytes, query: Any, request_id: str) -> Any:
        fault = _fault(method, path, headers, body, query) if RULES.rules else None
        if fault is None:
            return await dispatch(method, path, headers, body, query, request_id)
        await asyncio.sleep(fault.delay_seconds)
        if fault.when == "after" or not (fault.when == "reset" or fault.code):
            answer = await dispatch(method, path, headers, body, query, request_id)
            return (502, {"Content-Type": "text/plain"}, b"") if fault.when == "after" else answer
        _broken.set(fault.when == "reset")
        return _error(fault, headers, request_id)

    async def shortcuts_with_rules(method: str, path: str, headers: dict[str, str], body: bytes, query: Any, request_id: str) -> Any:
        if path != PATH:
            return await shortcuts(method, path, headers, body, query, request_id)
        if method == "POST":
            seed = query.get("seed", "")
            try:
                RULES.load(json.loads(body or b"[]"), str(seed[0] if isinstance(seed, list) else seed))
            except (TypeError, ValueError) as error:
                return 400, {"Content-Type": "application/json"}, json.dumps({"message": str(error)}).encode()
        return 200, {"Content-Type": "application/json"}, json.dumps(RULES.snapshot()).encode()

    replace(app, "_dispatch_service_request", dispatch_with_faults)
    replace(app, "_handle_post_body_shortcuts", shortcuts_with_rules)
    _connections()
    _invocations()
    _placement()


def _connections() -> None:
    """A connection is closed in place of an answer: not one byte of it comes."""
    expect(HTTPStream.app_send, 'if message["type"] == "http.response.start" and self.state == ASGIHTTPState.REQUEST:')
    stock = HTTPStream.app_send

    async def app_send(stream: Any, message: Any) -> None:
        if not _broken.get():
            await stock(stream, message)
        elif not stream.closed:
            stream.closed = True
            await stream.send(StreamClosed(stream_id=stream.stream_id))

    HTTPStream.app_send = app_send


def _invocations() -> None:
    """A service's invocation of a function fails as Lambda's own errors do, before it begins or after it has done its work."""
    expect(lambda_svc._execute_function, "return _execute_function_dispatch(func, config, event, request_id, started)")

    def execute(function: dict[str, Any], config: dict[str, Any], *arguments: Any) -> Any:
        fault = RULES.match("lambda:invoke", config.get("FunctionArn", ""), b"") if RULES.rules else None
        if fault is None:
            return stock(function, config, *arguments)
        time.sleep(fault.delay_seconds)
        if fault.when == "after" or not fault.code:
            result = stock(function, config, *arguments)
            if fault.when != "after":
                return result
        body = {"errorType": "Runtime.ExitError", "errorMessage": fault.message}
        return {"error": True, "body": body, "log": "", "function_error": "Unhandled"}

    stock = replace(lambda_svc, "_execute_function_dispatch", execute)


def _placement() -> None:
    """No place for a task: the scheduler says so in an event, and looks again a moment later."""
    expect(ecs._run_task, "data.get")  # called by the scheduler, which another patch has rewritten

    def run_task(request: dict[str, Any], *arguments: Any, **options: Any) -> Any:
        group = str(request.get("group") or "")
        fault = RULES.match("ecs:placement", group, b"") if RULES.rules and group.startswith("service:") else None
        if fault is None:
            return stock(request, *arguments, **options)
        cluster = ecs._resolve_cluster_name(request.get("cluster", "default"))
        key, scope = f"{cluster}/{group.removeprefix('service:')}", (get_account_id(), get_region())
        service_acted(ecs._services.get(key) or {}, "ERROR", "SERVICE_TASK_PLACEMENT_FAILURE", fault.code)

        def again() -> None:
            with request_scope(*scope):
                ecs._reconcile_service_tasks(cluster, key)

        timer = threading.Timer(PLACED_AGAIN_SECONDS, again)
        timer.daemon = True
        timer.start()
        return json_response({"tasks": [], "failures": [{"reason": fault.code}]})

    stock = replace(ecs, "_run_task", run_task)


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
