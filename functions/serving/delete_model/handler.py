"""Accepts that a model and everything it occupies shall go.

Trigger: `DELETE /models/{model_id}`. Takes: `Idempotency-Key`, `If-Match`. Emits: `ModelDeletionRequested`, through the ledger.
Answers: 202 with the operation, or 200 with the plan of it (`dry_run`).
On failure: a problem document; nothing is written unless everything is.
"""

from kit.door.command import accepted, asked
from kit.door.http import Answer, Request, http
from serving.wiring import commands


@http
def handler(request: Request) -> Answer:
    """Delete one."""
    request.caller.require("models:write")
    model_id, generation = request.path_parameters["model_id"], request.expected_generation
    if request.dry_run:
        return Answer(200, commands.plan_from_list().lifecycle(request.caller, model_id, "delete", generation))
    order = asked(request, "DELETE /models/{model_id}", model_id=model_id, generation=generation)
    return accepted(commands.delete_model()(request.caller, model_id, generation, order), tagged=False)
