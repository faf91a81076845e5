"""What a model could run on."""

from typing import Final

from contracts import plan_views
from contracts.api.route import ApiRoute
from contracts.responses import ListInstances

INSTANCES: Final = (
    ApiRoute(
        method="GET",
        path="/instances",
        context="serving",
        function="list_instances",
        summary="List the region's instance types with GPUs: memory, price, quota left",
        scope="models:read",
        query=ListInstances,
        answer=plan_views.InstanceList,
        refusals=("model-not-found",),
    ),
)
