"""A model's immutable versions."""

from functools import partial
from typing import Final

from contracts import views
from contracts.api.route import ApiRoute
from contracts.common import Page

_route = partial(ApiRoute, context="registry", scope="models:read")

VERSIONS: Final = (
    _route(
        method="GET",
        path="/models/{model_id}/versions",
        function="list_versions",
        summary="List a model's immutable versions",
        query=Page,
        answer=views.VersionList,
        refusals=("model-not-found",),
    ),
    _route(
        method="GET",
        path="/models/{model_id}/versions/{version}",
        function="read_version",
        summary="Read one version and the evidence that it may be served",
        answer=views.ModelVersion,
        refusals=("model-not-found", "version-not-found"),
    ),
)
