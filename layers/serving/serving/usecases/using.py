"""What all that is done about users of a model has in common."""

from typing import Any

from kit.errors import Conflict
from serving.domain.model import Model
from serving.usecases.views import model_links

_NAMED = 5


def users_of(model: Model) -> list[dict[str, Any]]:
    """Who uses it, as the management API shows it."""
    return [vars(user) for user in model.users]


def shown(model: Model) -> dict[str, Any]:
    """The body of everything about users."""
    return {"model_id": model.model_id, "items": users_of(model), "links": model_links(model.model_id)}


def refuse_while_used(model: Model) -> None:
    """Conflict that names every user, if there is one."""
    if model.users:
        named = ", ".join(f"{user.kind} {user.name or user.user_id}" for user in model.users[:_NAMED])
        more = f" and {len(model.users) - _NAMED} more" if len(model.users) > _NAMED else ""
        raise Conflict(
            "model-in-use",
            f"the model {model.model_id} is used by {named}{more}",
            "Let each of `users` go over to another model, or remove it; then delete this one.",
            {"users": users_of(model)},
        )
