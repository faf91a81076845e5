"""Waiting for a task token as AWS does it: heartbeats are enforced, a function that fails to start the wait fails the state,
each attempt has its own token, and stopping an execution ends its waits. Executions also start at once instead of after 150 ms.

Stock: HeartbeatSeconds is ignored, a failed invocation waits for its callback for ever, and a retry reuses the token.
"""

import threading
import time
from typing import Any

from ministack.services import stepfunctions

from local.emulator.pin import replace, rewrite

JSON = dict[str, Any]
FOREVER_SECONDS = 99_999.0

WAIT = """    timeout = state_def.get("TimeoutSeconds", 99999)
    if not evt.wait(timeout=timeout):
        _task_tokens.pop(token, None)
        raise _ExecutionError("States.Timeout",
                              "Task timed out waiting for callback")
"""
OUR_WAIT = """    _failure = _slipway_wait(_task_tokens[token], state_def)
    if _failure:
        _task_tokens.pop(token, None)
        raise _ExecutionError(*_failure)
"""
SWALLOWED = """            _call_lambda(func_ref, lambda_payload)
        except _ExecutionError:
            pass
"""
RAISED = """            _call_lambda(func_ref, lambda_payload)
        except _ExecutionError:
            _task_tokens.pop(token, None)
            raise
"""
COUNTED = '        ctx["State"]["RetryCount"] = sum(retry_counts.values())\n'
FRESH_EACH_TIME = '        if is_callback:\n            ctx["Task"] = {"Token": new_uuid()}\n'


def apply() -> None:
    """Rewrite the callback's wait and what leads to it."""
    stepfunctions._slipway_wait = wait
    record = '"event": evt, "result": None, "error": None, "heartbeat": None}'
    call = 'resource, effective, ctx["Task"]["Token"], '
    rewrite(
        stepfunctions,
        "_invoke_with_callback",
        (WAIT, OUR_WAIT),
        (SWALLOWED, RAISED),
        (record, record.removesuffix("}") + ', "execution": state_def.get("_execution")}'),
    )
    rewrite(
        stepfunctions,
        "_execute_task",
        (f"{call}state_def)", call + '{**state_def, "_execution": (execution or {}).get("executionArn")})'),
        (COUNTED, COUNTED + FRESH_EACH_TIME),
    )
    rewrite(stepfunctions, "_run_execution", ("    time.sleep(0.15)\n", ""))
    stock_stop, stock_beat = stepfunctions._stop_execution, stepfunctions._send_task_heartbeat

    def stop_execution(data: JSON) -> Any:
        answer = stock_stop(data)
        for waiting in list(stepfunctions._task_tokens.values()):
            if waiting.get("execution") == data.get("executionArn"):
                waiting["result"] = "null"  # the walk ends at the next state, as the execution no longer runs
                waiting["event"].set()
        return answer

    def heartbeat(data: JSON) -> Any:
        waiting = stepfunctions._task_tokens.get(data.get("taskToken"))
        if waiting:
            waiting["beat"] = time.monotonic()
        return stock_beat(data)

    replace(stepfunctions, "_stop_execution", stop_execution)
    replace(stepfunctions, "_send_task_heartbeat", heartbeat)


def wait(waiting: JSON, state: JSON) -> tuple[str, str] | None:
    """Wait for the callback; None when it came, else the error's name and cause. Times in seconds."""
    event: threading.Event = waiting["event"]
    waiting["beat"] = started = time.monotonic()
    timeout = float(state.get("TimeoutSeconds") or FOREVER_SECONDS)
    heartbeat = float(state.get("HeartbeatSeconds") or FOREVER_SECONDS)
    while True:
        now = time.monotonic()
        left, silent_for = started + timeout - now, now - waiting["beat"]
        if left <= 0:
            return "States.Timeout", f"No callback within {timeout:g} seconds"
        if silent_for >= heartbeat:
            return "States.HeartbeatTimeout", f"No heartbeat within {heartbeat:g} seconds"
        if event.wait(min(left, heartbeat - silent_for)):
            return None
