"""Messages that `serving` owns: the wish for a model, and what became of it."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from contracts.common import Contract, EventContract, Failure, Hosting, ModelId, Semver, Ulid
from contracts.model import ModelSpec
from contracts.users import UserId, UserKind, UserName

ChangeClass = Literal["hot", "rolling", "restart"]
TargetStatus = Literal["starting", "running", "stopping"]
_EXAMPLE_OPERATION = "01KAHV5X3V8Q4T1N6F2R7C9B0D"


class _ServingEvent(EventContract):
    source: ClassVar[str] = "slipway.serving"

    model_id: ModelId = Field(examples=["smollm2-135m"])
    generation: int = Field(ge=1, examples=[1], description="the model's generation that this is about; older ones are history")
    revision: int | None = Field(
        default=None, ge=1, examples=[4], description="rises with every fact about the model, over all its lives; orders what comes late"
    )


class ModelRequested(_ServingEvent):
    """Somebody wants a model to be in service; everything needed to bring it there is in `model`."""

    operation_id: Ulid = Field(examples=[_EXAMPLE_OPERATION])
    hosting: Hosting = Field(examples=["hosted"])
    version: Semver = Field(examples=["1.0.0"])
    model: ModelSpec


class ModelUpdated(_ServingEvent):
    """A model's wish has changed. `changes` is the merge patch that was accepted; `model` the whole wish after it."""

    contract_version: ClassVar[str] = "1.1"

    operation_id: Ulid = Field(examples=[_EXAMPLE_OPERATION])
    changes: dict[str, Any] = Field(examples=[{"description": "The small one"}])
    model: ModelSpec
    change_class: ChangeClass | None = Field(
        default=None, examples=["hot"], description="hot: nothing restarts; rolling: copies come or go; restart: containers are replaced"
    )
    rolled_back: bool = Field(default=False, description="the platform has gone back to the wish that was served before")


class ModelStopRequested(_ServingEvent):
    """A model shall leave service and give its copies back; its wish stays. `asleep`: the next request wakes it."""

    operation_id: Ulid = Field(examples=[_EXAMPLE_OPERATION])
    hosting: Hosting = Field(examples=["hosted"])
    asleep: bool = False
    expected_start_seconds: float | None = Field(
        default=None, ge=0, examples=[42.0], description="what its own starts took, for those who wait"
    )


class ModelDeletionRequested(_ServingEvent):
    """Somebody wants a model and everything it occupies to be gone."""

    operation_id: Ulid = Field(examples=[_EXAMPLE_OPERATION])
    hosting: Hosting = Field(examples=["hosted"])


class Target(Contract):
    """One running copy of an engine, reachable at `address:port` inside the network."""

    target_id: str = Field(examples=["4a1f0c1b2d3e4f5061728394a5b6c7d8"], description="the ECS task's id")
    version: Semver = Field(examples=["1.0.0"])
    address: str = Field(examples=["10.0.1.17"])
    port: int = Field(ge=1, le=65_535, examples=[8080])
    status: TargetStatus = Field(examples=["running"])


class ScalingDecision(Contract):
    """Why the number of copies was changed: what was observed, against what target."""

    before: int = Field(ge=0, examples=[1])
    after: int = Field(ge=0, examples=[2])
    metric: str = Field(examples=["in_flight_per_task"])
    observed: float | None = Field(default=None, examples=[14.5])
    target: float | None = Field(default=None, examples=[8.0])
    reason: str = Field(examples=["in_flight_per_task is 14.5, above its target of 8"])


class CapacityChanged(_ServingEvent):
    """The copies of a model that run, or shall run, have changed. Carries all that the route table needs of the model."""

    contract_version: ClassVar[str] = "1.1"

    version: Semver = Field(examples=["1.0.0"])
    desired: int = Field(ge=0, examples=[1])
    running: int = Field(ge=0, examples=[1])
    targets: list[Target] = Field(default_factory=list)
    reason: str = Field(examples=["task 4a1f0c1b2d3e is running"])
    model: ModelSpec
    decision: ScalingDecision | None = None


class ModelInService(_ServingEvent):
    """The model has answered a real request through the network path that its users take."""

    operation_id: Ulid = Field(examples=[_EXAMPLE_OPERATION])
    hosting: Hosting = Field(examples=["hosted"])
    version: Semver = Field(examples=["1.0.0"])


class ModelStopped(_ServingEvent):
    """The last copy of the model has ended, as asked. `asleep`: the next request wakes it."""

    contract_version: ClassVar[str] = "1.1"

    operation_id: Ulid = Field(examples=[_EXAMPLE_OPERATION])
    asleep: bool = False


Aspect = Literal["CapacityAvailable", "EngineReady"]


class ModelDegraded(_ServingEvent):
    """Something keeps the model from being served as it should be. Its status stays; the platform goes on trying, within its limits."""

    condition: Aspect = Field(examples=["CapacityAvailable"], description="the condition that does not hold any more")
    failure: Failure
    running: int = Field(ge=0, examples=[0], description="copies that run all the same")


class ModelRecovered(_ServingEvent):
    """What ModelDegraded told of has passed."""

    condition: Aspect = Field(examples=["CapacityAvailable"], description="the condition that holds again")
    was: str = Field(examples=["CapacityUnavailable"], description="the reason that it had")
    since: str = Field(examples=["2026-01-01T00:00:00.000Z"], description="since when it had not held")
    running: int = Field(ge=0, examples=[1])


class ModelClaimed(_ServingEvent):
    """Something depends on the model from now on, which keeps it from being deleted."""

    kind: UserKind = Field(examples=["repository"])
    user_id: UserId = Field(examples=["handbook"])
    name: UserName = Field(default="", examples=["Handbook search"])


class ModelReleased(_ServingEvent):
    """Something has let go of the model."""

    kind: UserKind = Field(examples=["repository"])
    user_id: UserId = Field(examples=["handbook"])


class ModelDeleted(_ServingEvent):
    """Nothing of the model is left but its ledger."""

    operation_id: Ulid = Field(examples=[_EXAMPLE_OPERATION])


class ModelFailed(_ServingEvent):
    """An operation on the model has failed for good; what it had built is gone again. Retry, edit or delete work from here."""

    operation_id: Ulid = Field(examples=[_EXAMPLE_OPERATION])
    operation: str = Field(examples=["create"])
    failure: Failure


EVENTS: tuple[type[EventContract], ...] = (
    ModelRequested,
    ModelUpdated,
    ModelDeletionRequested,
    ModelStopRequested,
    CapacityChanged,
    ModelInService,
    ModelStopped,
    ModelDegraded,
    ModelRecovered,
    ModelClaimed,
    ModelReleased,
    ModelDeleted,
    ModelFailed,
)
