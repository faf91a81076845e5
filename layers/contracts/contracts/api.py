"""The management API as one table: every route, the function behind it, what it takes, answers and refuses.

The OpenAPI document is generated from it, the template's routes are compared with it, and the authorisation tests are made from it.
Imported by programs that check and generate, not by functions.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, TypeAdapter

from contracts import plan_views, views
from contracts.access import IssueToken, Token
from contracts.audit import ListAudit
from contracts.common import Page
from contracts.limits import LimitsList, LimitsState, ListLimits, SetLimits, SubjectLimits
from contracts.model import MODEL_SPEC, Schedule
from contracts.patch import ModelPatch
from contracts.planning import PlanModel
from contracts.problems import PROBLEMS, ProblemKind
from contracts.responses import Accepted, ListEvents, ListInstances, ListModels, Operation
from contracts.traffic import SetTraffic, Traffic
from contracts.usage import ListUsage, UsagePage
from contracts.users import ModelUsers, NameOfUser

Shape = type[BaseModel] | TypeAdapter[Any]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_BODY: Final = ("body-not-json", "body-not-object", "body-not-text", "body-too-deep", "body-too-large", "validation-failed")
_KEY: Final = ("idempotency-key-invalid", "idempotency-key-reused")
_GENERATION: Final = ("if-match-invalid", "generation-stale")
_TABLE: Final = ("contended-too-long", "table-throttled", "table-unreachable")


@dataclass(frozen=True, kw_only=True)
class ApiRoute:
    """One method on one path. `scope` is what the caller needs, None for everyone, authenticated or not.

    `body` and `query` are what is taken, `answer` what a success with `status` carries (None = nothing that a contract describes).
    `idempotent`: takes Idempotency-Key. `conditional`: takes If-Match. `tagged`: answers an ETag. `plannable`: takes `dry_run`, and then
    answers 200 with a plan. `refusals`: codes of its own.
    """

    method: Method
    path: str
    context: str
    function: str
    summary: str
    scope: str | None
    status: int = 200
    answer: Shape | None = None
    body: Shape | None = None
    query: type[BaseModel] | None = None
    idempotent: bool = False
    conditional: bool = False
    tagged: bool = False
    plannable: bool = False
    refusals: tuple[str, ...] = ()

    @property
    def operation_name(self) -> str:
        """Stable name in the OpenAPI document, e.g. `create_model`."""
        return self.function

    @property
    def logical_id(self) -> str:
        """The function's logical id in template.yaml, e.g. `ServingCreateModelFunction`."""
        return "".join(word.capitalize() for word in f"{self.context}_{self.function}".split("_")) + "Function"

    @property
    def problems(self) -> tuple[ProblemKind, ...]:
        """Every problem that this route may answer, by status and code."""
        codes = {"internal-error", *self.refusals}
        codes |= {"not-authenticated", "scope-missing", *_TABLE} if self.scope else set()
        codes |= set(_BODY) if self.body else set()
        codes |= {"validation-failed"} if self.query or self.plannable or self.idempotent else set()
        codes |= set(_KEY) if self.idempotent else set()
        codes |= set(_GENERATION) if self.conditional else set()
        return tuple(sorted((PROBLEMS[code] for code in codes), key=lambda kind: (kind.status, kind.code)))


ROUTES: Final = (
    ApiRoute(
        method="POST",
        path="/models",
        context="serving",
        function="create_model",
        summary="Ask for a model to be in service",
        scope="models:write",
        status=202,
        body=MODEL_SPEC,
        answer=Accepted,
        idempotent=True,
        tagged=True,
        plannable=True,
        refusals=("model-exists", "group-not-yours"),
    ),
    ApiRoute(
        method="GET",
        path="/models",
        context="serving",
        function="list_models",
        summary="List the models that the caller may see",
        scope="models:read",
        query=ListModels,
        answer=views.ModelList,
    ),
    ApiRoute(
        method="POST",
        path="/models/plan",
        context="serving",
        function="plan_model",
        summary="Ask what a change, or a new model, would do and cost, and whether it fits; nothing is written",
        scope="models:write",
        body=PlanModel,
        answer=plan_views.Plan,
        refusals=(
            "model-exists",
            "group-not-yours",
            "model-not-found",
            "operation-in-progress",
            "update-not-possible",
        ),
    ),
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
    ApiRoute(
        method="GET",
        path="/models/{model_id}",
        context="serving",
        function="read_model",
        summary="Read a model: the wish, and what became of it",
        scope="models:read",
        answer=views.READ_MODEL,
        tagged=True,
        refusals=("model-not-found",),
    ),
    ApiRoute(
        method="PATCH",
        path="/models/{model_id}",
        context="serving",
        function="update_model",
        summary="Change a model's wish; what restarts copies has to be acknowledged",
        scope="models:write",
        status=202,
        body=ModelPatch,
        answer=Accepted,
        idempotent=True,
        conditional=True,
        tagged=True,
        plannable=True,
        refusals=(
            "model-not-found",
            "group-not-yours",
            "operation-in-progress",
            "update-not-possible",
            "restart-acknowledgement-required",
            "acknowledgement-mismatch",
        ),
    ),
    ApiRoute(
        method="POST",
        path="/models/{model_id}/start",
        context="serving",
        function="start_model",
        summary="Bring a stopped model into service, as it is wanted now",
        scope="models:write",
        status=202,
        answer=Accepted,
        idempotent=True,
        conditional=True,
        tagged=True,
        plannable=True,
        refusals=(
            "model-not-found",
            "operation-in-progress",
            "start-not-possible",
        ),
    ),
    ApiRoute(
        method="POST",
        path="/models/{model_id}/stop",
        context="serving",
        function="stop_model",
        summary="Take a model out of service and give its copies back; its wish stays",
        scope="models:write",
        status=202,
        answer=Accepted,
        idempotent=True,
        conditional=True,
        tagged=True,
        plannable=True,
        refusals=(
            "model-not-found",
            "operation-in-progress",
            "stop-not-possible",
        ),
    ),
    ApiRoute(
        method="DELETE",
        path="/models/{model_id}",
        context="serving",
        function="delete_model",
        summary="Ask for a model and everything that it occupies to be gone",
        scope="models:write",
        status=202,
        answer=Accepted,
        idempotent=True,
        conditional=True,
        plannable=True,
        refusals=("model-not-found", "deletion-under-way", "delete-protected", "model-in-use"),
    ),
    ApiRoute(
        method="GET",
        path="/models/{model_id}/users",
        context="serving",
        function="list_model_users",
        summary="List what depends on a model, and keeps it from being deleted",
        scope="models:read",
        answer=ModelUsers,
        refusals=("model-not-found",),
    ),
    ApiRoute(
        method="PUT",
        path="/models/{model_id}/users/{kind}/{user_id}",
        context="serving",
        function="add_model_user",
        summary="Say that something depends on a model; again is as good as once",
        scope="models:write",
        body=NameOfUser,
        answer=ModelUsers,
        idempotent=True,
        refusals=("model-not-found", "use-not-possible", "users-too-many"),
    ),
    ApiRoute(
        method="DELETE",
        path="/models/{model_id}/users/{kind}/{user_id}",
        context="serving",
        function="remove_model_user",
        summary="Say that something depends on a model no longer; again is as good as once",
        scope="models:write",
        answer=ModelUsers,
        idempotent=True,
        refusals=("model-not-found",),
    ),
    ApiRoute(
        method="PUT",
        path="/models/{model_id}/schedule",
        context="serving",
        function="set_schedule",
        summary="Let a model be in service within windows of the week, and stopped outside of them",
        scope="models:write",
        status=202,
        body=Schedule,
        answer=Accepted,
        idempotent=True,
        conditional=True,
        tagged=True,
        plannable=True,
        refusals=(
            "model-not-found",
            "group-not-yours",
            "operation-in-progress",
            "update-not-possible",
        ),
    ),
    ApiRoute(
        method="GET",
        path="/models/{model_id}/schedule",
        context="serving",
        function="read_schedule",
        summary="Read a model's schedule: whether a window is open, what happens next, what a person overrides",
        scope="models:read",
        answer=views.ScheduleState,
        tagged=True,
        refusals=("model-not-found", "schedule-not-found"),
    ),
    ApiRoute(
        method="DELETE",
        path="/models/{model_id}/schedule",
        context="serving",
        function="remove_schedule",
        summary="Let a model be started and stopped by people alone",
        scope="models:write",
        status=202,
        answer=Accepted,
        idempotent=True,
        conditional=True,
        tagged=True,
        plannable=True,
        refusals=(
            "model-not-found",
            "schedule-not-found",
            "group-not-yours",
            "operation-in-progress",
            "update-not-possible",
        ),
    ),
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
    ApiRoute(
        method="POST",
        path="/models/{model_id}/retry",
        context="serving",
        function="retry_model",
        summary="Try a failed model's last operation again",
        scope="models:write",
        status=202,
        answer=Accepted,
        idempotent=True,
        conditional=True,
        plannable=True,
        refusals=("model-not-found", "retry-not-possible"),
    ),
    ApiRoute(
        method="GET",
        path="/models/{model_id}/events",
        context="serving",
        function="list_model_events",
        summary="Read a model's timeline from the ledger: who did what, before and after",
        scope="models:read",
        query=ListEvents,
        answer=views.Timeline,
        refusals=("model-not-found",),
    ),
    ApiRoute(
        method="GET",
        path="/models/{model_id}/versions",
        context="registry",
        function="list_versions",
        summary="List a model's immutable versions",
        scope="models:read",
        query=Page,
        answer=views.VersionList,
        refusals=("model-not-found",),
    ),
    ApiRoute(
        method="GET",
        path="/models/{model_id}/versions/{version}",
        context="registry",
        function="read_version",
        summary="Read one version and the evidence that it may be served",
        scope="models:read",
        answer=views.ModelVersion,
        refusals=("model-not-found", "version-not-found"),
    ),
    ApiRoute(
        method="GET",
        path="/operations/{operation_id}",
        context="serving",
        function="read_operation",
        summary="Follow a command to its end",
        scope="models:read",
        answer=Operation,
        refusals=("operation-not-found",),
    ),
    ApiRoute(
        method="POST",
        path="/operations/{operation_id}/cancel",
        context="serving",
        function="cancel_operation",
        summary="Stop a running operation",
        scope="models:write",
        status=202,
        answer=Accepted,
        idempotent=True,
        refusals=("operation-not-found", "operation-ended", "operation-not-cancellable"),
    ),
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
    ApiRoute(
        method="POST",
        path="/tokens",
        context="access",
        function="issue_token",
        summary="Issue an API token; the token itself is in this answer, and only here",
        scope="tokens:write",
        status=201,
        body=IssueToken,
        answer=views.IssuedToken,
        idempotent=True,
        refusals=("group-not-yours", "token-not-shown-again"),
    ),
    ApiRoute(
        method="GET",
        path="/tokens",
        context="access",
        function="list_tokens",
        summary="List tokens, without the tokens themselves",
        scope="tokens:write",
        query=Page,
        answer=views.TokenList,
    ),
    ApiRoute(
        method="GET",
        path="/tokens/{token_id}",
        context="access",
        function="read_token",
        summary="Read what a token may do",
        scope="tokens:write",
        answer=Token,
        tagged=True,
        refusals=("token-not-found",),
    ),
    ApiRoute(
        method="DELETE",
        path="/tokens/{token_id}",
        context="access",
        function="revoke_token",
        summary="Revoke a token, from now on and everywhere",
        scope="tokens:write",
        status=200,
        answer=Token,
        idempotent=True,
        refusals=("token-not-found",),
    ),
    ApiRoute(
        method="GET",
        path="/limits",
        context="access",
        function="list_limits",
        summary="List the limits and budgets of tokens, groups and models",
        scope="limits:write",
        query=ListLimits,
        answer=LimitsList,
    ),
    ApiRoute(
        method="PUT",
        path="/limits/{subject_kind}/{subject_id}",
        context="access",
        function="set_limits",
        summary="Limit what a token, a group or a model may use, in place of any limits that it has",
        scope="limits:write",
        body=SetLimits,
        answer=SubjectLimits,
        idempotent=True,
        conditional=True,
        tagged=True,
        refusals=("token-not-found", "limits-not-found"),
    ),
    ApiRoute(
        method="GET",
        path="/limits/{subject_kind}/{subject_id}",
        context="access",
        function="read_limits",
        summary="Read limits and budgets, and what is spent and left of each budget in the period that runs",
        scope="limits:write",
        answer=LimitsState,
        tagged=True,
        refusals=("limits-not-found",),
    ),
    ApiRoute(
        method="DELETE",
        path="/limits/{subject_kind}/{subject_id}",
        context="access",
        function="remove_limits",
        summary="Limit a token, a group or a model no longer",
        scope="limits:write",
        answer=SubjectLimits,
        idempotent=True,
        conditional=True,
        refusals=("limits-not-found",),
    ),
    ApiRoute(
        method="GET",
        path="/openapi.json",
        context="access",
        function="read_api_document",
        summary="This document",
        scope=None,
    ),
)
"""Every route of the management API."""
