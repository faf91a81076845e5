"""Accepts that a stopped model is in service again.

Trigger: `POST /models/{model_id}/start`. Takes: `Idempotency-Key`, `If-Match`. Emits: `ModelRequested`, through the ledger.
Answers: 202 with the operation, or 200 with the plan of it (`dry_run`).
On failure: a problem document; nothing is written unless everything is.
"""

from kit.door.command import accepted, asked
from kit.door.http import Answer, Request, http
from serving.wiring import commands


@http
def handler(request: Request) -> Answer:
    """Start one."""
    request.caller.require("models:write")
    model_id, generation = request.path_parameters["model_id"], request.expected_generation
    if request.dry_run:
        return Answer(200, commands.plan_model().lifecycle(request.caller, model_id, "start", generation))
    order = asked(request, "POST /models/{model_id}/start", model_id=model_id, generation=generation)
    return accepted(commands.start_model()(request.caller, model_id, generation, order))
