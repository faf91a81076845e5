"""Accepts that an operation shall end.

Trigger: `POST /operations/{operation_id}/cancel`. Takes: `Idempotency-Key`. Emits: nothing itself; the machine that it ends does.
Answers: 202 with the operation. On failure: a problem document; nothing is written unless everything is.
"""

from kit.door.command import accepted, asked
from kit.door.http import Answer, Request, http
from serving.wiring import commands


@http
def handler(request: Request) -> Answer:
    """Cancel one."""
    request.caller.require("models:write")
    operation_id = request.path_parameters["operation_id"]
    order = asked(request, "POST /operations/{operation_id}/cancel", operation_id=operation_id)
    return accepted(commands.cancel_operation()(request.caller, operation_id, order), tagged=False)
