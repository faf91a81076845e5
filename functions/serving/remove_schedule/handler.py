"""Accepts that a model is started and stopped by people alone.

Trigger: `DELETE /models/{model_id}/schedule`. Takes: `Idempotency-Key`, `If-Match`. Emits: `ModelUpdated`, through the ledger.
Answers: 202 with the operation, or 200 with the plan of it (`dry_run`).
On failure: a problem document; nothing is written unless everything is.
"""

from kit.caller import command
from kit.door.http import Answer, Request, http
from serving.wiring import commands


@http
def handler(request: Request) -> Answer:
    """Remove one."""
    request.caller.require("models:write")
    model_id, generation = request.path_parameters["model_id"], request.expected_generation
    if request.dry_run:
        return Answer(200, commands.plan_model().update(request.caller, model_id, {"schedule": None}, generation))
    what = {"do": "DELETE /models/{model_id}/schedule", "model_id": model_id, "generation": generation}
    asked = command(request.caller.subject, request.idempotency_key, what)
    answer = commands.remove_schedule()(request.caller, model_id, generation, asked)
    headers = {"location": answer["body"]["links"]["operation"], "etag": f'"{answer["generation"]}"'}
    return Answer(202, answer["body"], headers)
