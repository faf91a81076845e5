"""A Python function's error carries its class name and stack trace, and does not end the execution environment.

Stock: every error is `Runtime.HandlerError` (so a state machine's Retry on a class never matches) and kills the worker process.
"""

from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from local.emulator.pin import expect, replace

MARK = "__slipway_error__"
DIED = ("Worker process died", "Worker process exited")  # which the emulator calls an error of the handler
RAISED = 'json.dumps({"status": "error", "error": str(e), "trace": traceback.format_exc()})'
CARRIED = (
    'json.dumps({"status": "ok", "result": {"__slipway_error__": {"errorMessage": str(e), "errorType": type(e).__name__, '
    '"requestId": _ms_ctx.get("request_id", ""), "stackTrace": traceback.format_tb(e.__traceback__)}, "trace": traceback.format_exc()}})'
)
INIT_FAILED = '_real_stdout.write(json.dumps({"status": "error", "error": str(e)}) + "\\n")'
INIT_EXPLAINED = '_real_stdout.write(json.dumps({"status": "error", "error": traceback.format_exc()}) + "\\n")'


def apply() -> None:
    """Send the error as a marked result, and turn it into an error again on the emulator's side."""
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    expect(script, RAISED, INIT_FAILED)
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(RAISED, CARRIED).replace(INIT_FAILED, INIT_EXPLAINED)

    def execute(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        result: dict[str, Any] = stock(func, event, request_id)
        body = result.get("body")
        if isinstance(body, dict) and body.get("errorMessage", "").startswith(DIED):
            body["errorType"] = "Runtime.ExitError"
        if not isinstance(body, dict) or MARK not in body:
            return result
        log = "\n".join(filter(None, [result.get("log", ""), "[ERROR] " + body["trace"]]))
        return {"body": body[MARK], "error": True, "function_error": "Unhandled", "log": log}

    stock = replace(lambda_svc, "_execute_function_warm", execute)
