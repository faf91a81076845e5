"""What the management API takes and answers: users. Generated from its OpenAPI document by `make contracts`: do not edit."""

from typing import Literal, NotRequired, TypedDict

ModelUserKind = Literal["rollout", "repository", "alias", "application"]


class ModelUser(TypedDict):
    """One that depends on a model: since when, and through whom."""

    kind: ModelUserKind
    user_id: str
    name: NotRequired[str]
    since: str
    by: str


class ModelUsers(TypedDict):
    """All that depend on a model, by kind and id."""

    model_id: str
    items: list["ModelUser"]
    links: dict[str, str]


class NameOfUser(TypedDict):
    """Body of `PUT /models/{model_id}/users/{kind}/{user_id}`."""

    name: NotRequired[str]
