"""What may depend on a model, and keeps it from being deleted."""

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from contracts.common import Contract, ModelId

UserKind = Literal["rollout", "repository", "alias", "application"]
USER_ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"
UserId = Annotated[str, StringConstraints(pattern=USER_ID_PATTERN)]
UserName = Annotated[str, StringConstraints(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]


class NameOfUser(Contract):
    """Body of `PUT /models/{model_id}/users/{kind}/{user_id}`."""

    name: UserName = Field(default="", examples=["Handbook search"], description="what people call it")


class NewModelUser(NameOfUser):
    """One that depends on a model from now on."""

    kind: UserKind
    user_id: UserId


class ModelUser(Contract):
    """One that depends on a model: since when, and through whom."""

    kind: UserKind = Field(examples=["repository"])
    user_id: UserId = Field(examples=["handbook"])
    name: UserName = ""
    since: str = Field(examples=["2026-01-01T00:00:00.000Z"])
    by: str = Field(examples=["token:0123456789abcdef"])


class ModelUsers(Contract):
    """All that depend on a model, by kind and id."""

    model_id: ModelId
    items: list[ModelUser]
    links: dict[str, str]
