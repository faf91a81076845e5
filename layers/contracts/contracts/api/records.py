"""Who did what, and what was used."""

from typing import Final

from contracts import views
from contracts.api.route import ApiRoute
from contracts.audit import ListAudit
from contracts.usage import ListUsage, UsagePage

RECORDS: Final = (
    ApiRoute(
        method="GET",
        path="/audit",
        context="usage",
        function="read_audit",
        summary="Read who did what, across all models, versions and tokens; with format=ndjson as lines of JSON",
        scope="admin",
        query=ListAudit,
        answer=views.AuditPage,
    ),
    ApiRoute(
        method="GET",
        path="/usage",
        context="usage",
        function="read_usage",
        summary="Read what was used and what it cost, by day, model, version, token and group; also as CSV and as lines of JSON",
        scope="models:read",
        query=ListUsage,
        answer=UsagePage,
        refusals=("usage-too-much",),
    ),
)
