"""Lists the region's instance types with GPUs.

Trigger: `GET /instances`. Takes: filters, `limit`, `next_token`. Emits: nothing. Answers: 200 with a page and where it comes from.
On failure: a problem document. Where an AWS API does not answer, the shipped snapshot does, and says so.
"""

from contracts.responses import ListInstances
from kit.door.http import Answer, Request, http
from serving.usecases.list_instances import InstanceFilter
from serving.wiring import questions


@http
def handler(request: Request) -> Answer:
    """List one page."""
    request.caller.require("models:read")
    asked = request.parameters(ListInstances.validate_document)
    wanted = InstanceFilter(asked.gpus_min, asked.memory_min, asked.family, asked.fits_model, asked.offered)
    return Answer(200, questions.list_instances()(request.caller, wanted, asked.limit, asked.next_token))
