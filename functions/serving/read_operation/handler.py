"""Shows how a command fares.

Trigger: `GET /operations/{operation_id}`. Takes: nothing more. Emits: nothing. Answers: 200.
On failure: a problem document.
"""

from kit.door.http import Answer, Request, http
from serving.wiring import questions


@http
def handler(request: Request) -> Answer:
    """Read one."""
    request.caller.require("models:read")
    return Answer(200, questions.read_operation()(request.caller, request.path_parameters["operation_id"]))
