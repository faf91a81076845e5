"""Messages that `routing` owns, and the rows of the route table that routers follow."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from contracts.common import Contract, EventContract, Failure, Group, ModelId, Semver
from contracts.model import Features, GenerationDefaults, Hosting, Limits, Provider, Task

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


class RouteHealthObserved(EventContract):
    """What a router saw when it looked at a target: how far it is, that it answers, or why it never will."""

    source: ClassVar[str] = "slipway.routing"

    model_id: ModelId = Field(examples=["smollm2-135m"])
    generation: int = Field(ge=1, examples=[1])
    target_id: str = Field(examples=["4a1f0c1b2d3e4f5061728394a5b6c7d8"])
    observed: Literal["progressing", "ready", "failed"] = Field(examples=["ready"])
    phase: str = Field(default="", examples=["loading"], description="the engine's own phase")
    progress: float | None = Field(default=None, ge=0, le=1)
    failure: Failure | None = None
    router_id: str = Field(examples=["router-0"])
    observed_at: str = Field(examples=["2026-01-01T00:00:00.000Z"])


class LoadObserved(EventContract):
    """What one router task saw of one model in the last seconds; sent while there is traffic, and once when it has ended."""

    source: ClassVar[str] = "slipway.routing"

    model_id: ModelId = Field(examples=["smollm2-135m"])
    router_id: str = Field(examples=["router-0"])
    observed_at: str = Field(examples=["2026-01-01T00:00:00.000Z"])
    window_seconds: float = Field(gt=0, examples=[2.0])
    in_flight: int = Field(ge=0, examples=[12], description="requests under way at the end of the window")
    queued: int = Field(default=0, ge=0, description="of these, held until a copy is there")
    requests: int = Field(ge=0, examples=[31], description="finished within the window")
    errors: int = Field(default=0, ge=0, description="of these, answered with 5xx by an engine or provider, or not at all")
    time_to_first_token_ms: float | None = Field(default=None, ge=0, examples=[180.0], description="95th percentile within the window")
    tokens_per_second: float | None = Field(
        default=None, ge=0, examples=[900.0], description="output tokens, where the answers say how many"
    )
    ready_targets: int = Field(ge=0, examples=[1])
    last_request_at: str | None = Field(default=None, examples=["2026-01-01T00:00:00.000Z"])


class ModelWakeRequested(EventContract):
    """A request came for a model that sleeps. Each router task says so once per sleep, and again every 30 s while requests wait."""

    source: ClassVar[str] = "slipway.routing"

    model_id: ModelId = Field(examples=["smollm2-135m"])
    generation: int = Field(ge=1, examples=[3], description="of the sleeping route")
    router_id: str = Field(examples=["router-0"])
    requested_at: str = Field(examples=["2026-01-01T00:00:00.000Z"])


EVENTS: tuple[type[EventContract], ...] = (RouteChanged, RouteHealthObserved, LoadObserved, ModelWakeRequested)


def route_of(document: dict[str, Any]) -> Route:
    """The route in a table row's document."""
    return Route.model_validate(document)
