"""Accepts that a model leaves service and gives its copies back.

Trigger: `POST /models/{model_id}/stop`. Takes: `Idempotency-Key`, `If-Match`. Emits: `ModelStopRequested`, through the ledger.
Answers: 202 with the operation, or 200 with the plan of it (`dry_run`).
On failure: a problem document; nothing is written unless everything is.
"""

from kit.caller import command
from kit.door.http import Answer, Request, http
from serving.wiring import commands


@http
def handler(request: Request) -> Answer:
    """Stop one."""
    request.caller.require("models:write")
    model_id, generation = request.path_parameters["model_id"], request.expected_generation
    if request.dry_run:
        return Answer(200, commands.plan_model().lifecycle(request.caller, model_id, "stop", generation))
    what = {"do": "POST /models/{model_id}/stop", "model_id": model_id, "generation": generation}
    asked = command(request.caller.subject, request.idempotency_key, what)
    answer = commands.stop_model()(request.caller, model_id, generation, asked)
    headers = {"location": answer["body"]["links"]["operation"], "etag": f'"{answer["generation"]}"'}
    return Answer(202, answer["body"], headers)
