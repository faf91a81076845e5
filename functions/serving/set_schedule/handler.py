"""Accepts that a model is in service within windows of the week, and stopped outside of them.

Trigger: `PUT /models/{model_id}/schedule`. Takes: the schedule, `Idempotency-Key`, `If-Match`. Emits: `ModelUpdated`, through the ledger.
Answers: 202 with the operation, or 200 with the plan of it (`dry_run`).
On failure: a problem document; nothing is written unless everything is.
"""

from contracts.model import Schedule
from kit.door.command import accepted, asked
from kit.door.http import Answer, Request, http
from serving.wiring import commands


@http
def handler(request: Request) -> Answer:
    """Set one."""
    request.caller.require("models:write")
    model_id, generation = request.path_parameters["model_id"], request.expected_generation
    schedule = request.body(Schedule.model_validate).document()
    if request.dry_run:
        return Answer(200, commands.plan_from_list().update(request.caller, model_id, {"schedule": schedule}, generation))
    order = asked(request, "PUT /models/{model_id}/schedule", model_id=model_id, generation=generation, body=schedule)
    return accepted(commands.set_schedule()(request.caller, model_id, schedule, generation, order))
