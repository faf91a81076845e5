"""Models: the wish, its state, and what is asked of them."""

from typing import Final

from contracts import plan_views, views
from contracts.api.route import ApiRoute, model_command
from contracts.model import MODEL_SPEC
from contracts.patch import ModelPatch
from contracts.planning import PlanModel
from contracts.responses import ListEvents, ListModels

MODELS: Final = (
    model_command(
        method="POST",
        path="/models",
        function="create_model",
        summary="Ask for a model to be in service",
        body=MODEL_SPEC,
        tagged=True,
        conditional=False,
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
        path="/models/{model_id}",
        context="serving",
        function="read_model",
        summary="Read a model: the wish, and what became of it",
        scope="models:read",
        answer=views.READ_MODEL,
        tagged=True,
        refusals=("model-not-found",),
    ),
    model_command(
        method="PATCH",
        path="/models/{model_id}",
        function="update_model",
        summary="Change a model's wish; what restarts copies has to be acknowledged",
        body=ModelPatch,
        tagged=True,
        refusals=(
            "model-not-found",
            "group-not-yours",
            "operation-in-progress",
            "update-not-possible",
            "restart-acknowledgement-required",
            "acknowledgement-mismatch",
        ),
    ),
    model_command(
        method="DELETE",
        path="/models/{model_id}",
        function="delete_model",
        summary="Ask for a model and everything that it occupies to be gone",
        refusals=("model-not-found", "deletion-under-way", "delete-protected", "model-in-use"),
    ),
    model_command(
        method="POST",
        path="/models/{model_id}/start",
        function="start_model",
        summary="Bring a stopped model into service, as it is wanted now",
        tagged=True,
        refusals=(
            "model-not-found",
            "operation-in-progress",
            "start-not-possible",
        ),
    ),
    model_command(
        method="POST",
        path="/models/{model_id}/stop",
        function="stop_model",
        summary="Take a model out of service and give its copies back; its wish stays",
        tagged=True,
        refusals=(
            "model-not-found",
            "operation-in-progress",
            "stop-not-possible",
        ),
    ),
    model_command(
        method="POST",
        path="/models/{model_id}/retry",
        function="retry_model",
        summary="Try a failed model's last operation again",
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
)
