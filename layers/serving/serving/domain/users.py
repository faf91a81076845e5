"""Who uses a model: as long as anybody does, it is not deleted.

Users are part of the aggregate, so that its one optimistic lock decides between a use that begins and a deletion: exactly one wins.
"""

from dataclasses import replace
from typing import Any

from serving.domain.change import Change, change
from serving.domain.model import Fact, Model, Status, User

MOST_USERS = 200
"""More would not fit into the model's row beside everything else."""


def is_used(model: Model, kind: str, user_id: str) -> bool:
    """Whether it is used by this one."""
    return any((user.kind, user.user_id) == (kind, user_id) for user in model.users)


def begins(model: Model, user: User) -> Change | None:
    """Somebody uses the model from now on; None if that is known, in the same words. One who is renamed is still the same since then."""
    known = next((one for one in model.users if (one.kind, one.user_id) == (user.kind, user.user_id)), None)
    if known and known.name == user.name:
        return None
    after = replace(known, name=user.name) if known else user
    others = tuple(one for one in model.users if one is not known)
    told = _told(model, after) | {"name": after.name}
    return change(model, replace(model, users=_ordered((*others, after))), facts=[Fact("ModelClaimed", told)])


def ends(model: Model, kind: str, user_id: str) -> Change | None:
    """Somebody has let go of the model; None if nobody of that name used it."""
    known = next((one for one in model.users if (one.kind, one.user_id) == (kind, user_id)), None)
    if known is None:
        return None
    others = tuple(one for one in model.users if one is not known)
    return change(model, replace(model, users=others), facts=[Fact("ModelReleased", _told(model, known))])


def can_begin(model: Model) -> bool:
    """Whether anybody may come to depend on it: not on what goes, or failed to."""
    return model.status is not Status.DELETING and model.failed_goal != "remove"


def _told(model: Model, user: User) -> dict[str, Any]:
    return {"model_id": model.model_id, "generation": model.generation, "kind": user.kind, "user_id": user.user_id}


def _ordered(users: tuple[User, ...]) -> tuple[User, ...]:
    return tuple(sorted(users, key=lambda user: (user.kind, user.user_id)))
