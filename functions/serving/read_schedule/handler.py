"""Shows a model's schedule: whether a window is open, what happens next, what a person overrides.

Trigger: `GET /models/{model_id}/schedule`. Takes: nothing more. Emits: nothing. Answers: 200, the ETag is the model's generation.
On failure: a problem document.
"""

from kit.door.http import Answer, Request, http
from serving.wiring import questions


@http
def handler(request: Request) -> Answer:
    """Read one."""
    request.caller.require("models:read")
    schedule = questions.read_schedule()(request.caller, request.path_parameters["model_id"])
    return Answer(200, schedule, {"etag": f'"{schedule["generation"]}"'})
