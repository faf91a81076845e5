"""How a model's traffic is shared by its versions, as the management API takes and shows it."""

from typing import Literal

from pydantic import Field

from contracts.common import Contract, Group, ModelId
from contracts.shares import WHOLE, RouteVersion, Shares


class SetTraffic(Contract):
    """Body of `PUT /models/{model_id}/traffic`."""

    versions: Shares = Field(
        examples=[[{"version": "1.0.0", "weight": 9_500}, {"version": "1.1.0", "weight": 500}]],
        description=f"shares that add up to {WHOLE:,}, the version that gives first; empty: each version has what its ready targets weigh",
    )


class VersionTraffic(RouteVersion):
    """One version's share, and how many targets it has to answer it with. Without a ready one the others answer in its place."""

    ready: int = Field(ge=0, examples=[2])
    probing: int = Field(ge=0, examples=[0])
    draining: int = Field(ge=0, examples=[0])


class Traffic(Contract):
    """How a model's traffic is shared now. `generation` rises whenever somebody sets the shares; 0 while nobody has."""

    model_id: ModelId = Field(examples=["smollm2-135m"])
    generation: int = Field(ge=0, examples=[17])
    state: str = Field(examples=["open"], description="of the route: probing, open, closed or asleep")
    shared_by: Literal["shares", "targets"] = Field(examples=["shares"], description="targets: nobody has set shares")
    versions: list[VersionTraffic]
    pin_groups: list[Group] = Field(description="groups that may choose a version; administrators always may")
    links: dict[str, str]
