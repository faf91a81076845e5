"""Accepts the wish for a new model.

Trigger: `POST /models`. Takes: the model, `Idempotency-Key`. Emits: `ModelRequested`, through the ledger. Answers: 202 with the
operation, or 200 with the plan of it (`dry_run`).
On failure: a problem document; nothing is written unless everything is.
"""

from contracts.model import MODEL_SPEC
from kit.door.command import accepted, asked
from kit.door.http import Answer, Request, http
from serving.wiring import commands


@http
def handler(request: Request) -> Answer:
    """Create one."""
    request.caller.require("models:write")
    wish = request.body(MODEL_SPEC.validate_python).document()
    if request.dry_run:
        return Answer(200, commands.plan_model().creation(request.caller, wish))
    order = asked(request, "POST /models", body=wish)
    return accepted(commands.create_model()(request.caller, wish, order))
