"""Says what a change, or a new model, would do and cost, and whether it fits.

Trigger: `POST /models/plan`. Takes: `{"model_id", "changes"}` or `{"model"}`. Emits: nothing. Answers: 200 with the plan.
On failure: a problem document, as the command itself would answer; what does not fit is part of the plan. Nothing is ever written.
"""

from contracts.planning import PlanModel
from kit.door.http import Answer, Request, http
from serving.wiring import commands


@http
def handler(request: Request) -> Answer:
    """Plan one command."""
    request.caller.require("models:write")
    asked = request.body(PlanModel.validate_document)
    planner = commands.plan_model()
    if asked.model is not None:
        return Answer(200, planner.creation(request.caller, asked.model.document()))
    changes = asked.changes.changes() if asked.changes else {}
    return Answer(200, planner.update(request.caller, str(asked.model_id), changes))
