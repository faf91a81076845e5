"""Accepts that a failed operation is tried again.

Trigger: `POST /models/{model_id}/retry`. Takes: `Idempotency-Key`, `If-Match`. Emits: `ModelRequested` or `ModelDeletionRequested`,
through the ledger.
Answers: 202 with the operation, or 200 with the plan of it (`dry_run`).
On failure: a problem document; nothing is written unless everything is.
"""

from kit.caller import command
from kit.door.http import Answer, Request, http
from serving.wiring import commands


@http
def handler(request: Request) -> Answer:
    """Retry one."""
    request.caller.require("models:write")
    model_id, generation = request.path_parameters["model_id"], request.expected_generation
    if request.dry_run:
        return Answer(200, commands.plan_model().lifecycle(request.caller, model_id, "retry", generation))
    what = {"do": "POST /models/{model_id}/retry", "model_id": model_id, "generation": generation}
    asked = command(request.caller.subject, request.idempotency_key, what)
    answer = commands.retry_model()(request.caller, model_id, generation, asked)
    return Answer(202, answer["body"], {"location": answer["body"]["links"]["operation"]})
