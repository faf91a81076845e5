"""When a model is in service."""

from typing import Final

from contracts import views
from contracts.api.route import ApiRoute, model_command
from contracts.model import Schedule

SCHEDULES: Final = (
    model_command(
        method="PUT",
        path="/models/{model_id}/schedule",
        function="set_schedule",
        summary="Let a model be in service within windows of the week, and stopped outside of them",
        body=Schedule,
        tagged=True,
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
    model_command(
        method="DELETE",
        path="/models/{model_id}/schedule",
        function="remove_schedule",
        summary="Let a model be started and stopped by people alone",
        tagged=True,
        refusals=(
            "model-not-found",
            "schedule-not-found",
            "group-not-yours",
            "operation-in-progress",
            "update-not-possible",
        ),
    ),
)
