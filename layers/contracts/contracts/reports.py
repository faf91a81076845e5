"""What routers report, of `routing`'s messages: apart from the route table, so that who hears them need not know what a model is."""

from typing import ClassVar, Literal

from pydantic import Field

from contracts.common import EventContract, Failure, ModelId


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
