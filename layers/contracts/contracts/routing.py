"""Messages that `routing` owns (those that routers send are in `reports`), and the rows of the route table that routers follow."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from contracts.common import Alias, Contract, EventContract, Group, Hosting, ModelId, Semver, Task
from contracts.model import Features, GenerationDefaults, Limits, Provider
from contracts.reports import LoadObserved, ModelWakeRequested, RouteHealthObserved
from contracts.shares import RouteVersion, Shares

__all__ = [
    "EVENTS",
    "HEAD_KEY",
    "PROVIDER_TARGET_ID",
    "ROUTES_PARTITION",
    "ROUTE_PREFIX",
    "LoadObserved",
    "ModelWakeRequested",
    "Route",
    "RouteChanged",
    "RouteHealthObserved",
    "RouteState",
    "RouteTarget",
    "RouteVersion",
    "TargetState",
    "route_of",
]

RouteState = Literal["probing", "open", "closed", "asleep"]
TargetState = Literal["probing", "ready", "draining"]

ROUTES_PARTITION = "ROUTES"
HEAD_KEY = "HEAD"
ROUTE_PREFIX = "ROUTE#"
PROVIDER_TARGET_ID = "provider"


class RouteTarget(Contract):
    """One place that can answer. `address` and `port` are null for a provider."""

    target_id: str = Field(examples=["4a1f0c1b2d3e4f5061728394a5b6c7d8"])
    version: Semver = Field(examples=["1.0.0"])
    kind: Literal["engine", "provider"] = Field(examples=["engine"])
    address: str | None = Field(default=None, examples=["10.0.1.17"])
    port: int | None = Field(default=None, ge=1, le=65_535, examples=[8080])
    weight: int = Field(default=100, ge=0, le=10_000, description="share of the route's traffic among ready targets")
    status: TargetState = Field(examples=["ready"])
    engine_kind: str | None = Field(default=None, examples=["llama.cpp"])
    provider: Provider | None = Field(default=None, description="of a provider target that differs from the route's own")


class Route(Contract):
    """How requests for one model name are answered, and who may make them. One row of the route table."""

    model_id: ModelId = Field(examples=["smollm2-135m"])
    revision: int = Field(ge=1, examples=[17], description="the table's revision at which this row changed last")
    generation: int = Field(ge=1, examples=[1], description="the model's generation that this row follows")
    state: RouteState = Field(examples=["open"])
    hosting: Hosting = Field(examples=["hosted"])
    version: Semver = Field(examples=["1.0.0"])
    task: Task = Field(examples=["chat"])
    description: str = ""
    created_at: str = Field(examples=["2026-01-01T00:00:00.000Z"])
    allowed_groups: list[Group] = Field(examples=[["research"]])
    features: Features = Field(default_factory=Features)
    generation_defaults: GenerationDefaults = Field(default_factory=GenerationDefaults)
    targets: list[RouteTarget] = Field(default_factory=list)
    versions: Shares = Field(
        default_factory=list,
        description="shares that add up to 10,000, the version that gives first; empty: every version has what its ready targets weigh",
    )
    pin_groups: list[Group] = Field(default_factory=list, description="groups that may choose a version; administrators always may")
    aliases: list[Alias] = Field(default_factory=list, description="other names by which callers may ask the model")
    fallbacks: list[ModelId] = Field(default_factory=list, max_length=5, description="models that answer while this one cannot, in order")
    provider: Provider | None = None
    limits: Limits = Field(default_factory=Limits)
    expected_start_seconds: float | None = Field(default=None, ge=0, description="how long a start is likely to take, while asleep")


class RouteChanged(EventContract):
    """A route opened, closed, or changed its targets. `route` is the whole row; null when the row is gone."""

    source: ClassVar[str] = "slipway.routing"

    model_id: ModelId = Field(examples=["smollm2-135m"])
    generation: int = Field(ge=1, examples=[1])
    revision: int = Field(ge=1, examples=[17])
    state: RouteState | Literal["removed"] = Field(examples=["open"])
    route: Route | None = None
    reason: str = Field(examples=["target 4a1f0c1b2d3e answered a completion"])


EVENTS: tuple[type[EventContract], ...] = (RouteChanged, RouteHealthObserved, LoadObserved, ModelWakeRequested)


def route_of(document: dict[str, Any]) -> Route:
    """The route in a table row's document."""
    return Route.model_validate(document)
