"""What an answer of the management API may be, whatever was sent."""

from typing import Any

from contracts.api import ApiRoute
from contracts.problems import PROBLEMS
from contracts.views import Problem
from tests.borders.estate import Estate
from tests.borders.gateway import Reply

WAITING = {"deletion-under-way"}
"""The only 503 that is no fault: said while the state machine of a deletion ends another."""
_GATEWAYS = {b'{"message": "Not Found"}', b'{"message": "Unauthorized"}', b'{"message": "Forbidden"}'}


def judge(route: ApiRoute | None, reply: Reply, home: Estate) -> None:
    """No fault of ours; and if a refusal, then a problem document that the API's document names for this operation."""
    assert home.gateway.raised == []
    if reply.status < 400 or is_the_gateways(reply.body):
        assert reply.status < 500
        return
    document: dict[str, Any] = reply.json()
    kind = PROBLEMS[document["code"]]
    assert reply.status < 500 or kind.code in WAITING, document
    assert (reply.status, reply.headers["content-type"]) == (kind.status, "application/problem+json")
    assert document["instance"] == reply.headers["x-request-id"]
    assert route is None or kind in route.problems, document
    Problem.validate_document(document)


def is_the_gateways(body: bytes) -> bool:
    """Whether API Gateway answered in our stead."""
    return body in _GATEWAYS
