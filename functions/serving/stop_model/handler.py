"""Accepts that a model leaves service and gives its copies back.

Trigger: `POST /models/{model_id}/stop`. Takes: `Idempotency-Key`, `If-Match`. Emits: `ModelStopRequested`, through the ledger.
Answers: 202 with the operation, or 200 with the plan of it (`dry_run`).
On failure: a problem document; nothing is written unless everything is.
"""

from kit.door.command import accepted, asked
from kit.door.http import Answer, Request, http
from serving.wiring import commands


@http
def handler(request: Request) -> Answer:
    """Stop one."""
    request.caller.require("models:write")
    model_id, generation = request.path_parameters["model_id"], request.expected_generation
    if request.dry_run:
        return Answer(200, commands.plan_from_list().lifecycle(request.caller, model_id, "stop", generation))
    order = asked(request, "POST /models/{model_id}/stop", model_id=model_id, generation=generation)
    return accepted(commands.stop_model()(request.caller, model_id, generation, order))
