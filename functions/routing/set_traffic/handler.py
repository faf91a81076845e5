"""A model's traffic is shared by its versions, in exact parts of 10,000.

Trigger: `PUT /models/{model_id}/traffic`. Takes: `SetTraffic`, `Idempotency-Key`, `If-Match`.
Emits: `RouteChanged`, through the ledger. Answers: 200 with the traffic; the ETag is its generation.
On failure: a problem document; nothing is written unless everything is.
"""

from contracts.traffic import SetTraffic
from kit.door.command import asked
from kit.door.http import Answer, Request, http
from routing import wiring


@http
def handler(request: Request) -> Answer:
    """Set the shares."""
    request.caller.require("models:write")
    model_id, generation = request.path_parameters["model_id"], request.expected_generation
    wish = request.body(SetTraffic.validate_document)
    order = asked(request, "PUT /models/{model_id}/traffic", model_id=model_id, generation=generation, body=wish.document())
    versions = [(share.version, share.weight) for share in wish.versions]
    traffic = wiring.set_traffic()(request.caller, model_id, versions, generation, order, request.request_id)
    return Answer(200, traffic, {"etag": f'"{traffic["generation"]}"'})
