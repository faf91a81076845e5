"""Accepts that a model's wish changes.

Trigger: `PATCH /models/{model_id}`. Takes: a merge patch with `acknowledge` beside it, `Idempotency-Key`, `If-Match`.
Emits: `ModelUpdated`, through the ledger. Answers: 202 with the operation, or 200 with the plan of it (`dry_run`).
On failure: a problem document; a change that restarts copies is refused until it is acknowledged.
"""

from contracts.patch import ModelPatch
from kit.caller import command
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
    what = {"do": "PATCH /models/{model_id}", "model_id": model_id, "generation": generation, "body": [changes, patch.acknowledge]}
    asked = command(request.caller.subject, request.idempotency_key, what)
    answer = commands.update_model()(request.caller, model_id, changes, patch.acknowledge, generation, asked)
    headers = {"location": answer["body"]["links"]["operation"], "etag": f'"{answer["generation"]}"'}
    return Answer(202, answer["body"], headers)
