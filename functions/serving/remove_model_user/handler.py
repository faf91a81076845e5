"""Accepts that something depends on a model no longer.

Trigger: `DELETE /models/{model_id}/users/{kind}/{user_id}`. Takes: `Idempotency-Key`. Emits: `ModelReleased`, through the ledger.
Answers: 200 with all users that are left; again is as good as once. On failure: a problem document.
"""

from kit.door.command import asked
from kit.door.http import Answer, Request, http
from serving.wiring import commands


@http
def handler(request: Request) -> Answer:
    """Remove one."""
    request.caller.require("models:write")
    path = request.path_parameters
    user = {"kind": path["kind"], "user_id": path["user_id"]}
    order = asked(request, "DELETE /models/{model_id}/users/{kind}/{user_id}", model_id=path["model_id"], **user)
    return Answer(200, commands.remove_model_user()(request.caller, path["model_id"], user, request.request_id, order))
