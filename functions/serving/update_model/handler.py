"""Accepts that a model's wish changes.

Trigger: `PATCH /models/{model_id}`. Takes: a merge patch with `acknowledge` beside it, `Idempotency-Key`, `If-Match`.
Emits: `ModelUpdated`, through the ledger. Answers: 202 with the operation, or 200 with the plan of it (`dry_run`).
On failure: a problem document; a change that restarts copies is refused until it is acknowledged.
"""

from contracts.patch import ModelPatch
from kit.door.command import accepted, asked
from kit.door.http import Answer, Request, http
from serving.wiring import commands


@http
def handler(request: Request) -> Answer:
    """Update one."""
    request.caller.require("models:write")
    model_id, generation = request.path_parameters["model_id"], request.expected_generation
    patch = request.body(ModelPatch.validate_document)
    changes = patch.changes()
    if request.dry_run:
        return Answer(200, commands.plan_model().update(request.caller, model_id, changes, generation))
    order = asked(request, "PATCH /models/{model_id}", model_id=model_id, generation=generation, body=[changes, patch.acknowledge])
    return accepted(commands.update_model()(request.caller, model_id, changes, patch.acknowledge, generation, order))
