"""A token, a group or a model is limited no longer.

Trigger: `DELETE /limits/{subject_kind}/{subject_id}`. Takes: kind and id, `Idempotency-Key`, `If-Match`.
Emits: `LimitsChanged`, through the ledger. Answers: 200 with the limits as they were.
On failure: a problem document; nothing is written unless everything is.
"""

from access import wiring
from kit.door.command import asked
from kit.door.http import Answer, Request, http


@http
def handler(request: Request) -> Answer:
    """Remove them."""
    kind, subject_id = request.path_parameters["subject_kind"], request.path_parameters["subject_id"]
    generation = request.expected_generation
    order = asked(request, "DELETE /limits", kind=kind, subject_id=subject_id, generation=generation)
    limits = wiring.remove_limits()(kind, subject_id, generation, request.caller, order, request.request_id)
    return Answer(200, limits.document())
