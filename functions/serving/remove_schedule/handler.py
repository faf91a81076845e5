"""Accepts that a model is started and stopped by people alone.

Trigger: `DELETE /models/{model_id}/schedule`. Takes: `Idempotency-Key`, `If-Match`. Emits: `ModelUpdated`, through the ledger.
Answers: 202 with the operation, or 200 with the plan of it (`dry_run`).
On failure: a problem document; nothing is written unless everything is.
"""

from kit.door.command import accepted, asked
from kit.door.http import Answer, Request, http
from serving.wiring import commands


@http
def handler(request: Request) -> Answer:
    """Remove one."""
    request.caller.require("models:write")
    model_id, generation = request.path_parameters["model_id"], request.expected_generation
    if request.dry_run:
        return Answer(200, commands.plan_from_list().update(request.caller, model_id, {"schedule": None}, generation))
    order = asked(request, "DELETE /models/{model_id}/schedule", model_id=model_id, generation=generation)
    return accepted(commands.remove_schedule()(request.caller, model_id, generation, order))
