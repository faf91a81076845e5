"""The management API as one table: every route, the function behind it, what it takes, answers and refuses.

The OpenAPI document is generated from it, the template's routes are compared with it, and the authorisation tests are made from it.
Imported by programs that check and generate, not by functions.
"""

from typing import Final

from contracts.api.instances import INSTANCES
from contracts.api.limits import LIMITS
from contracts.api.models import MODELS
from contracts.api.operations import OPERATIONS
from contracts.api.records import RECORDS
from contracts.api.route import ApiRoute, Shape
from contracts.api.schedules import SCHEDULES
from contracts.api.tokens import TOKENS
from contracts.api.traffic import TRAFFIC
from contracts.api.users import USERS
from contracts.api.versions import VERSIONS

__all__ = ["ROUTES", "ApiRoute", "Shape"]

_DOCUMENT: Final = ApiRoute(
    method="GET",
    path="/openapi.json",
    context="access",
    function="read_api_document",
    summary="This document",
    scope=None,
)
ROUTES: Final = (
    *MODELS,
    *USERS,
    *SCHEDULES,
    *TRAFFIC,
    *VERSIONS,
    *OPERATIONS,
    *INSTANCES,
    *RECORDS,
    *TOKENS,
    *LIMITS,
    _DOCUMENT,
)
"""Every route of the management API."""
