"""Puts serving together: settings, adapters, use cases. Each public function makes one use case, once per process.

Imports stand inside the functions, so that none loads what only the others need.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from kit.aws import client
from kit.clock import SystemClock
from kit.ids import Ids
from kit.settings import Settings
from serving.domain.operation import Goal

if TYPE_CHECKING:
    from kit.ledger import Announcer
    from serving.adapters.engines import EcsControl, EcsLauncher
    from serving.adapters.machines import StepFunctions
    from serving.adapters.store import TableStore
    from serving.usecases.announce_model_changes import AnnounceModelChanges
    from serving.usecases.await_route_closed import AwaitRouteClosed
    from serving.usecases.await_validation import AwaitValidation
    from serving.usecases.cancel_operation import CancelOperation
    from serving.usecases.create_model import CreateModel
    from serving.usecases.delete_model import DeleteModel
    from serving.usecases.erase_model import EraseModel
    from serving.usecases.fail_model import FailModel
    from serving.usecases.launch_engine import LaunchEngine
    from serving.usecases.learning import Learner
    from serving.usecases.list_model_events import ListModelEvents
    from serving.usecases.list_models import ListModels
    from serving.usecases.on_engine_task_changed import OnEngineTaskChanged
    from serving.usecases.on_model_deletion_requested import OnModelDeletionRequested
    from serving.usecases.on_model_requested import OnModelRequested
    from serving.usecases.on_model_version_rejected import OnModelVersionRejected
    from serving.usecases.on_model_version_validated import OnModelVersionValidated
    from serving.usecases.on_route_changed import OnRouteChanged
    from serving.usecases.on_route_health_observed import OnRouteHealthObserved
    from serving.usecases.open_provider_route import OpenProviderRoute
    from serving.usecases.prepare_model import PrepareModel
    from serving.usecases.read_model import ReadModel
    from serving.usecases.read_operation import ReadOperation
    from serving.usecases.resumption import Resumption
    from serving.usecases.retry_model import RetryModel
    from serving.usecases.settle_model import SettleModel
    from serving.usecases.stop_engines import StopEngines
    from serving.usecases.sweep_models import SweepModels
    from serving.usecases.waiting import WaitFor

CONTEXT = "serving"
_CLOCK = SystemClock()


@dataclass(frozen=True)
class ModelSettings(Settings):
    """Of every function here."""

    environment: str
    model_table: str


@dataclass(frozen=True)
class ApiBaseSettings(Settings):
    """Of the function that looks at third parties' addresses."""

    api_base_allow_list: tuple[str, ...] = ()


@dataclass(frozen=True)
class BusSettings(Settings):
    """Of the functions that tell the bus."""

    bus_name: str


@dataclass(frozen=True)
class MachineSettings(Settings):
    """Of the functions that start or stop executions; each has the machines that it may touch."""

    provision_machine_arn: str = ""
    retire_machine_arn: str = ""


@dataclass(frozen=True)
class ClusterSettings(Settings):
    """Of the functions that look at or end ECS services."""

    environment: str
    cluster_arn: str


@dataclass(frozen=True)
class LaunchSettings(Settings):
    """Of the function that makes ECS services."""

    environment: str
    cluster_arn: str
    engine_subnets: tuple[str, ...]
    engine_security_groups: tuple[str, ...]
    engine_task_role_arn: str
    engine_execution_role_arn: str
    engine_key_secret_arn: str
    engine_log_group: str
    engine_gpu_capacity_provider: str = ""
    engine_gpu_launch_type: str = "MANAGED_INSTANCES"
    engine_cpu_capacity_provider: str = "FARGATE"
    engine_image_vllm: str = ""
    engine_image_llama_cpp: str = ""
    engine_image_mock: str = ""


# ── commands and questions ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def create_model() -> CreateModel:
    """`POST /models`."""
    from serving.adapters.addresses import ResolvingGuard
    from serving.usecases.create_model import CreateModel

    guard = ResolvingGuard(ApiBaseSettings.from_env().api_base_allow_list)
    return CreateModel(_store(), guard, _CLOCK, Ids(_CLOCK))


@cache
def list_models() -> ListModels:
    """`GET /models`."""
    from serving.usecases.list_models import ListModels

    return ListModels(_store())


@cache
def read_model() -> ReadModel:
    """`GET /models/{model_id}`."""
    from serving.usecases.read_model import ReadModel

    return ReadModel(_store())


@cache
def delete_model() -> DeleteModel:
    """`DELETE /models/{model_id}`."""
    from serving.usecases.delete_model import DeleteModel

    return DeleteModel(_store(), _CLOCK, Ids(_CLOCK))


@cache
def retry_model() -> RetryModel:
    """`POST /models/{model_id}/retry`."""
    from serving.usecases.retry_model import RetryModel

    return RetryModel(_store(), _CLOCK, Ids(_CLOCK))


@cache
def list_model_events() -> ListModelEvents:
    """`GET /models/{model_id}/events`."""
    from serving.usecases.list_model_events import ListModelEvents

    return ListModelEvents(_store())


@cache
def read_operation() -> ReadOperation:
    """`GET /operations/{operation_id}`."""
    from serving.usecases.read_operation import ReadOperation

    return ReadOperation(_store())


@cache
def cancel_operation() -> CancelOperation:
    """`POST /operations/{operation_id}/cancel`."""
    from serving.usecases.cancel_operation import CancelOperation

    return CancelOperation(_store(), _resumption(), _CLOCK)


# ── reactions ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def announce_model_changes() -> AnnounceModelChanges:
    """Follows the table's stream."""
    from serving.usecases.announce_model_changes import AnnounceModelChanges

    return AnnounceModelChanges(_announcer())


@cache
def on_model_requested() -> OnModelRequested:
    """Reacts to `ModelRequested`."""
    from serving.usecases.on_model_requested import OnModelRequested

    return OnModelRequested(_store(), _machines())


@cache
def on_model_deletion_requested() -> OnModelDeletionRequested:
    """Reacts to `ModelDeletionRequested`."""
    from serving.usecases.on_model_deletion_requested import OnModelDeletionRequested

    return OnModelDeletionRequested(_store(), _machines())


@cache
def on_engine_task_changed() -> OnEngineTaskChanged:
    """Reacts to ECS's own events."""
    from serving.usecases.on_engine_task_changed import OnEngineTaskChanged

    return OnEngineTaskChanged(_store(), _learner(_control()))


@cache
def on_model_version_validated() -> OnModelVersionValidated:
    """Reacts to `ModelVersionValidated`."""
    from serving.usecases.on_model_version_validated import OnModelVersionValidated

    return OnModelVersionValidated(_learner())


@cache
def on_model_version_rejected() -> OnModelVersionRejected:
    """Reacts to `ModelVersionRejected`."""
    from serving.usecases.on_model_version_rejected import OnModelVersionRejected

    return OnModelVersionRejected(_learner())


@cache
def on_route_changed() -> OnRouteChanged:
    """Reacts to `RouteChanged`."""
    from serving.usecases.on_route_changed import OnRouteChanged

    return OnRouteChanged(_learner())


@cache
def on_route_health_observed() -> OnRouteHealthObserved:
    """Reacts to `RouteHealthObserved`."""
    from serving.usecases.on_route_health_observed import OnRouteHealthObserved

    return OnRouteHealthObserved(_learner())


# ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def prepare_model() -> PrepareModel:
    """Step of `provision_model`."""
    from serving.usecases.prepare_model import PrepareModel

    return PrepareModel(_store(), _CLOCK)


@cache
def await_validation() -> AwaitValidation:
    """Step of `provision_model`."""
    from serving.usecases.await_validation import AwaitValidation

    return _waiting(AwaitValidation)


@cache
def launch_engine() -> LaunchEngine:
    """Step of `provision_model`."""
    from serving.usecases.launch_engine import LaunchEngine

    return LaunchEngine(_store(), _resumption(), _launcher(), _CLOCK, ModelSettings.from_env().environment)


@cache
def open_provider_route() -> OpenProviderRoute:
    """Step of `provision_model`."""
    from serving.usecases.open_provider_route import OpenProviderRoute

    return _waiting(OpenProviderRoute)


@cache
def settle_model() -> SettleModel:
    """Step of `provision_model`."""
    from serving.usecases.settle_model import SettleModel

    return SettleModel(_store(), _CLOCK)


@cache
def fail_model() -> FailModel:
    """Step of both machines."""
    from serving.usecases.fail_model import FailModel

    return FailModel(_store(), _control(), _CLOCK)


@cache
def await_route_closed() -> AwaitRouteClosed:
    """Step of `retire_model`."""
    from serving.usecases.await_route_closed import AwaitRouteClosed

    return _waiting(AwaitRouteClosed)


@cache
def stop_engines() -> StopEngines:
    """Step of `retire_model`."""
    from serving.usecases.stop_engines import StopEngines

    control = _control()
    return StopEngines(_store(), _resumption(control), control, _CLOCK)


@cache
def erase_model() -> EraseModel:
    """Step of `retire_model`."""
    from serving.usecases.erase_model import EraseModel

    return EraseModel(_store(), _control(), _CLOCK)


# ── schedule ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def sweep_models() -> SweepModels:
    """Runs on a schedule."""
    from serving.usecases.on_engine_task_changed import OnEngineTaskChanged
    from serving.usecases.sweep_models import SweepModels

    store, control = _store(), _control()
    observer = OnEngineTaskChanged(store, _learner(control))
    return SweepModels(store, _announcer(), _machines(), control, _resumption(control), observer, fail_model(), _CLOCK)


# ── adapters ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

_Waiting = TypeVar("_Waiting", bound="WaitFor")


def _waiting(step: type[_Waiting]) -> _Waiting:
    return step(_store(), _resumption(), _CLOCK)


def _learner(control: EcsControl | None = None) -> Learner:
    from serving.usecases.learning import Learner

    return Learner(_store(), _resumption(control), _CLOCK)


def _resumption(control: EcsControl | None = None) -> Resumption:
    from serving.usecases.resumption import Resumption

    return Resumption(_store(), _machines(), control)


@cache
def _store() -> TableStore:
    from kit.envelope import Wrapper
    from kit.table import Table
    from serving.adapters.store import TableStore

    settings = ModelSettings.from_env()
    return TableStore(Table(client("dynamodb"), settings.model_table), Wrapper(CONTEXT, settings.environment, _CLOCK, Ids(_CLOCK)), _CLOCK)


def _machines() -> StepFunctions:
    from serving.adapters.machines import StepFunctions

    settings = MachineSettings.from_env()
    return StepFunctions(client("stepfunctions"), {Goal.SERVE: settings.provision_machine_arn, Goal.REMOVE: settings.retire_machine_arn})


def _control() -> EcsControl:
    from serving.adapters.engines import EcsControl

    settings = ClusterSettings.from_env()
    return EcsControl(client("ecs"), settings.cluster_arn, settings.environment)


def _launcher() -> EcsLauncher:
    from serving.adapters.engines import EcsLauncher
    from serving.adapters.task_definitions import EngineEnvironment

    settings = LaunchSettings.from_env()
    ecs = client("ecs")
    place = EngineEnvironment(
        environment=settings.environment,
        region=str(ecs.meta.region_name),
        cluster=settings.cluster_arn,
        subnets=settings.engine_subnets,
        security_groups=settings.engine_security_groups,
        task_role=settings.engine_task_role_arn,
        execution_role=settings.engine_execution_role_arn,
        key_secret=settings.engine_key_secret_arn,
        log_group=settings.engine_log_group,
        gpu_capacity_provider=settings.engine_gpu_capacity_provider,
        gpu_launch_type=settings.engine_gpu_launch_type,
        cpu_capacity_provider=settings.engine_cpu_capacity_provider,
        images={"vllm": settings.engine_image_vllm, "llama.cpp": settings.engine_image_llama_cpp, "mock": settings.engine_image_mock},
    )
    return EcsLauncher(ecs, place)


def _announcer() -> Announcer:
    from kit.bus import Bus
    from kit.ledger import Announcer
    from kit.table import Table

    table = Table(client("dynamodb"), ModelSettings.from_env().model_table)
    return Announcer(table, Bus(client("events"), BusSettings.from_env().bus_name), _CLOCK)
