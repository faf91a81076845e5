"""What a token, a group or a model may use is limited, in place of any limits that it has.

Trigger: `PUT /limits/{subject_kind}/{subject_id}`. Takes: `SetLimits`, `Idempotency-Key`, `If-Match`.
Emits: `LimitsChanged`, through the ledger. Answers: 200 with the limits; the ETag is their generation.
On failure: a problem document; nothing is written unless everything is.
"""

from access import wiring
from contracts.limits import SetLimits
from kit.door.command import asked
from kit.door.http import Answer, Request, http


@http
def handler(request: Request) -> Answer:
    """Set them."""
    kind, subject_id = request.path_parameters["subject_kind"], request.path_parameters["subject_id"]
    wish, generation = request.body(SetLimits.validate_document), request.expected_generation
    order = asked(request, "PUT /limits", kind=kind, subject_id=subject_id, generation=generation, body=wish.document())
    limits = wiring.set_limits()(kind, subject_id, wish, generation, request.caller, order, request.request_id)
    return Answer(200, limits.document(), {"etag": f'"{limits.generation}"'})
