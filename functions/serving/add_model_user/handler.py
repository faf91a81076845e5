"""Accepts that something depends on a model from now on.

Trigger: `PUT /models/{model_id}/users/{kind}/{user_id}`. Takes: its name, `Idempotency-Key`. Emits: `ModelClaimed`, through the ledger.
Answers: 200 with all users; again is as good as once. On failure: a problem document; nothing is written unless everything is.
"""

from contracts.users import NameOfUser
from kit.door.command import asked
from kit.door.http import Answer, Request, http
from serving.wiring import commands


@http
def handler(request: Request) -> Answer:
    """Add one."""
    request.caller.require("models:write")
    path, name = request.path_parameters, request.body(NameOfUser.model_validate).name
    user = {"kind": path["kind"], "user_id": path["user_id"], "name": name}
    order = asked(request, "PUT /models/{model_id}/users/{kind}/{user_id}", model_id=path["model_id"], **user)
    return Answer(200, commands.add_model_user()(request.caller, path["model_id"], user, request.request_id, order))
