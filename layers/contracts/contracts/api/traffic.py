"""How a model's traffic is shared by its versions."""

from typing import Final

from contracts.api.route import ApiRoute
from contracts.traffic import SetTraffic, Traffic

TRAFFIC: Final = (
    ApiRoute(
        method="PUT",
        path="/models/{model_id}/traffic",
        context="routing",
        function="set_traffic",
        summary="Share a model's traffic by its versions, in exact parts of 10,000",
        scope="models:write",
        body=SetTraffic,
        answer=Traffic,
        idempotent=True,
        conditional=True,
        tagged=True,
        refusals=("model-not-found", "traffic-not-possible"),
    ),
    ApiRoute(
        method="GET",
        path="/models/{model_id}/traffic",
        context="routing",
        function="read_traffic",
        summary="Read how a model's traffic is shared by its versions, and what each has to answer with",
        scope="models:read",
        answer=Traffic,
        tagged=True,
        refusals=("model-not-found",),
    ),
)
