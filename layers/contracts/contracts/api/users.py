"""What depends on a model."""

from typing import Final

from contracts.api.route import ApiRoute
from contracts.users import ModelUsers, NameOfUser

USERS: Final = (
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
)
