"""Puts serving together: settings, adapters, use cases. Each public function makes one use case, once per process.

Imports stand inside the functions, so that none loads what only the others need.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from kit.aws import client
from kit.clock import SystemClock
from kit.ids import Ids
from kit.settings import Settings
from serving.domain.operation import Goal

if TYPE_CHECKING:
    from kit.ledger import Announcer
    from serving.adapters.agendas import TableAgendas
    from serving.adapters.artifacts import S3ArtifactFacts
    from serving.adapters.engines import EcsControl, EcsLauncher
    from serving.adapters.instances import RegionInstances
    from serving.adapters.machines import StepFunctions
    from serving.adapters.scheduler import SchedulerAlarms, SchedulerRemoval
    from serving.adapters.services import EcsServices
    from serving.adapters.store import TableStore
    from serving.adapters.traffic import TableTraffic
    from serving.usecases.announce_model_changes import AnnounceModelChanges
    from serving.usecases.apply_change import ApplyChange
    from serving.usecases.apply_schedule import ApplySchedule
    from serving.usecases.arm_schedule import ArmSchedule
    from serving.usecases.await_route_closed import AwaitRouteClosed
    from serving.usecases.await_validation import AwaitValidation
    from serving.usecases.cancel_operation import CancelOperation
    from serving.usecases.commanding import Commanding
    from serving.usecases.counting import Counting
    from serving.usecases.create_model import CreateModel
    from serving.usecases.delete_model import DeleteModel
    from serving.usecases.erase_model import EraseModel
    from serving.usecases.fail_model import FailModel
    from serving.usecases.launch_engine import LaunchEngine
    from serving.usecases.learning import Learner
    from serving.usecases.list_instances import ListInstances
    from serving.usecases.list_model_events import ListModelEvents
    from serving.usecases.list_models import ListModels
    from serving.usecases.on_engine_host_interrupted import OnEngineHostInterrupted
    from serving.usecases.on_engine_service_changed import OnEngineServiceChanged
    from serving.usecases.on_engine_task_changed import OnEngineTaskChanged
    from serving.usecases.on_load_observed import OnLoadObserved
    from serving.usecases.on_model_deletion_requested import OnModelDeletionRequested
    from serving.usecases.on_model_requested import OnModelRequested
    from serving.usecases.on_model_stop_requested import OnModelStopRequested
    from serving.usecases.on_model_stopped import OnModelStopped
    from serving.usecases.on_model_updated import OnModelUpdated
    from serving.usecases.on_model_version_rejected import OnModelVersionRejected
    from serving.usecases.on_model_version_validated import OnModelVersionValidated
    from serving.usecases.on_model_wake_requested import OnModelWakeRequested
    from serving.usecases.on_route_changed import OnRouteChanged
    from serving.usecases.on_route_health_observed import OnRouteHealthObserved
    from serving.usecases.open_provider_route import OpenProviderRoute
    from serving.usecases.plan_model import PlanModel
    from serving.usecases.prepare_model import PrepareModel
    from serving.usecases.prepare_update import PrepareUpdate
    from serving.usecases.read_model import ReadModel
    from serving.usecases.read_operation import ReadOperation
    from serving.usecases.read_schedule import ReadSchedule
    from serving.usecases.remove_schedule import RemoveSchedule
    from serving.usecases.resumption import Resumption
    from serving.usecases.retry_model import RetryModel
    from serving.usecases.roll_back_update import RollBackUpdate
    from serving.usecases.scheduling import Scheduling
    from serving.usecases.set_schedule import SetSchedule
    from serving.usecases.settle_model import SettleModel
    from serving.usecases.start_model import StartModel
    from serving.usecases.stop_engines import StopEngines
    from serving.usecases.stop_model import StopModel
    from serving.usecases.sweep_models import SweepModels
    from serving.usecases.update_model import UpdateModel
    from serving.usecases.waiting import WaitFor
    from serving.usecases.waking import Waking
    from serving.usecases.wish_checks import WishChecks

CONTEXT = "serving"
_CLOCK = SystemClock()
_BRIEFLY: dict[str, Any] = {"attempts": 2, "connect_timeout": 1, "read_timeout": 3}
"""For what a request asks on the way and can do without."""


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
class ArtifactSettings(Settings):
    """Of the functions that look at models' files."""

    artifact_bucket: str
    artifact_bucket_owner: str


@dataclass(frozen=True)
class PlaceSettings(Settings):
    """Of the functions that ask what instances there are: what this environment buys. No types = all; 0 instances = as many as it takes."""

    engine_gpu_instance_types: tuple[str, ...] = ()
    engine_gpu_capacity: str = "ManagedInstances"
    engine_gpu_maximum_instances: int = 0


@dataclass(frozen=True)
class BusSettings(Settings):
    """Of the functions that tell the bus."""

    bus_name: str


@dataclass(frozen=True)
class MachineSettings(Settings):
    """Of the functions that start or stop executions; each has the machines that it may touch."""

    provision_machine_arn: str = ""
    update_machine_arn: str = ""
    stop_machine_arn: str = ""
    retire_machine_arn: str = ""


@dataclass(frozen=True)
class AlarmGroupSettings(Settings):
    """Of the functions that touch the alarms of models' schedules."""

    alarm_group: str


@dataclass(frozen=True)
class AlarmSettings(Settings):
    """Of those that set them."""

    alarm_function_arn: str
    alarm_role_arn: str
    dead_letters_arn: str


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
    from serving.usecases.create_model import CreateModel

    return CreateModel(_store(), _checks(), _CLOCK, Ids(_CLOCK))


@cache
def list_models() -> ListModels:
    """`GET /models`."""
    from serving.usecases.list_models import ListModels

    return ListModels(_store(), _CLOCK)


@cache
def read_model() -> ReadModel:
    """`GET /models/{model_id}`."""
    from serving.usecases.read_model import ReadModel

    return ReadModel(_store(), _CLOCK)


@cache
def delete_model() -> DeleteModel:
    """`DELETE /models/{model_id}`."""
    from serving.usecases.delete_model import DeleteModel

    return DeleteModel(_store(), _commanding())


@cache
def update_model() -> UpdateModel:
    """`PATCH /models/{model_id}`."""
    from serving.usecases.update_model import UpdateModel

    return UpdateModel(_commanding(), _checks(), _instances(), _traffics())


@cache
def start_model() -> StartModel:
    """`POST /models/{model_id}/start`."""
    from serving.usecases.start_model import StartModel

    return StartModel(_commanding())


@cache
def stop_model() -> StopModel:
    """`POST /models/{model_id}/stop`."""
    from serving.usecases.stop_model import StopModel

    return StopModel(_commanding())


@cache
def retry_model() -> RetryModel:
    """`POST /models/{model_id}/retry`."""
    from serving.usecases.retry_model import RetryModel

    return RetryModel(_commanding())


@cache
def plan_model() -> PlanModel:
    """`POST /models/plan`, and any command with `?dry_run=true`."""
    from serving.usecases.plan_model import PlanModel
    from serving.usecases.update_model import UpdateModel

    instances, checks = _instances(), _shape_checks()
    updating = UpdateModel(_commanding(), checks, instances, _traffics())
    return PlanModel(_store(), _commanding(), updating, checks, _artifacts(), instances)


@cache
def list_instances() -> ListInstances:
    """`GET /instances`."""
    from serving.usecases.list_instances import ListInstances

    return ListInstances(_store(), _artifacts(), _instances())


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

    return CancelOperation(_store(), _resumption(), _CLOCK, Ids(_CLOCK))


@cache
def set_schedule() -> SetSchedule:
    """`PUT /models/{model_id}/schedule`."""
    from serving.usecases.set_schedule import SetSchedule

    return SetSchedule(_rescheduling())


@cache
def read_schedule() -> ReadSchedule:
    """`GET /models/{model_id}/schedule`."""
    from serving.usecases.read_schedule import ReadSchedule

    return ReadSchedule(_store(), _agendas(), _CLOCK)


@cache
def remove_schedule() -> RemoveSchedule:
    """`DELETE /models/{model_id}/schedule`."""
    from serving.usecases.remove_schedule import RemoveSchedule

    return RemoveSchedule(_store(), _rescheduling())


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
def on_model_updated() -> OnModelUpdated:
    """Reacts to `ModelUpdated`."""
    from serving.usecases.on_model_updated import OnModelUpdated

    return OnModelUpdated(_store(), _machines())


@cache
def on_model_stop_requested() -> OnModelStopRequested:
    """Reacts to `ModelStopRequested`."""
    from serving.usecases.on_model_stop_requested import OnModelStopRequested

    return OnModelStopRequested(_store(), _machines())


@cache
def on_model_deletion_requested() -> OnModelDeletionRequested:
    """Reacts to `ModelDeletionRequested`."""
    from serving.usecases.on_model_deletion_requested import OnModelDeletionRequested

    return OnModelDeletionRequested(_store(), _machines())


@cache
def arm_schedule() -> ArmSchedule:
    """Reacts to whatever may change what a schedule does next."""
    from serving.usecases.arm_schedule import ArmSchedule

    return ArmSchedule(_scheduling())


@cache
def apply_schedule() -> ApplySchedule:
    """Called by a model's alarm."""
    from serving.usecases.apply_schedule import ApplySchedule

    return ApplySchedule(_scheduling())


@cache
def on_engine_service_changed() -> OnEngineServiceChanged:
    """Reacts to what ECS tells of whole services."""
    from serving.usecases.on_engine_service_changed import OnEngineServiceChanged

    services = _services()
    return OnEngineServiceChanged(_store(), _learner(services), services, _CLOCK)


@cache
def on_engine_host_interrupted() -> OnEngineHostInterrupted:
    """Reacts to what EC2 tells of instances."""
    from serving.usecases.on_engine_host_interrupted import OnEngineHostInterrupted

    return OnEngineHostInterrupted(_store(), _learner(), _services())


@cache
def on_engine_task_changed() -> OnEngineTaskChanged:
    """Reacts to ECS's own events."""
    from serving.usecases.on_engine_task_changed import OnEngineTaskChanged

    return OnEngineTaskChanged(_store(), _learner(_control()), stop_model())


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


@cache
def on_load_observed() -> OnLoadObserved:
    """Reacts to `LoadObserved`."""
    from serving.usecases.on_load_observed import OnLoadObserved

    return OnLoadObserved(_counting(_control()))


@cache
def on_model_wake_requested() -> OnModelWakeRequested:
    """Reacts to `ModelWakeRequested`."""
    from serving.usecases.on_model_wake_requested import OnModelWakeRequested

    return OnModelWakeRequested(_waking())


@cache
def on_model_stopped() -> OnModelStopped:
    """Reacts to `ModelStopped`."""
    from serving.usecases.on_model_stopped import OnModelStopped

    return OnModelStopped(_waking())


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

    return SettleModel(_store(), _control(), _CLOCK)


@cache
def fail_model() -> FailModel:
    """Step of both machines."""
    from serving.usecases.fail_model import FailModel

    return FailModel(_store(), _control(), _CLOCK)


@cache
def prepare_update() -> PrepareUpdate:
    """Step of `update_model`."""
    from serving.usecases.prepare_update import PrepareUpdate

    return _waiting(PrepareUpdate)


@cache
def apply_change() -> ApplyChange:
    """Step of `update_model`."""
    from serving.usecases.apply_change import ApplyChange

    control = _control()
    return ApplyChange(_store(), _resumption(), control, _CLOCK)


@cache
def roll_back_update() -> RollBackUpdate:
    """Step of `update_model`."""
    from serving.usecases.roll_back_update import RollBackUpdate

    return RollBackUpdate(_store(), _control(), fail_model(), _CLOCK)


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

    return EraseModel(_store(), _control(), _agendas(), _alarm_removal(), _CLOCK)


# ── schedule ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def sweep_models() -> SweepModels:
    """Runs on a schedule."""
    from serving.usecases.on_engine_task_changed import OnEngineTaskChanged
    from serving.usecases.repair_schedules import RepairSchedules
    from serving.usecases.sweep_models import SweepModels
    from serving.usecases.tending import TendCapacity

    store, control = _store(), _control()
    observer = OnEngineTaskChanged(store, _learner(control), stop_model())
    tender = TendCapacity(store, _traffics(), control, _counting(control), _waking(), stop_model(), _CLOCK)
    schedules = RepairSchedules(_agendas(), _alarms(), _scheduling(), _CLOCK)
    ending = fail_model(), roll_back_update()
    return SweepModels(store, _announcer(), _machines(), control, _resumption(control), observer, *ending, tender, schedules, _CLOCK)


# ── adapters ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

_Waiting = TypeVar("_Waiting", bound="WaitFor")


def _waiting(step: type[_Waiting]) -> _Waiting:
    return step(_store(), _resumption(), _CLOCK)


def _commanding() -> Commanding:
    from serving.usecases.commanding import Commanding

    return Commanding(_store(), _CLOCK, Ids(_CLOCK))


def _traffics() -> TableTraffic:
    from kit.table import Table
    from serving.adapters.traffic import TableTraffic

    return TableTraffic(Table(client("dynamodb"), ModelSettings.from_env().model_table), _CLOCK)


def _counting(control: EcsControl) -> Counting:
    from serving.usecases.counting import Counting

    return Counting(_store(), _traffics(), control, _CLOCK)


def _waking() -> Waking:
    from serving.usecases.waking import Waking

    return Waking(_store(), _traffics(), start_model(), _CLOCK)


def _agendas() -> TableAgendas:
    from kit.table import Table
    from serving.adapters.agendas import TableAgendas

    return TableAgendas(Table(client("dynamodb"), ModelSettings.from_env().model_table))


def _alarms() -> SchedulerAlarms:
    from serving.adapters.scheduler import Ringing, SchedulerAlarms

    settings = AlarmSettings.from_env()
    ringing = Ringing(settings.alarm_function_arn, settings.alarm_role_arn, settings.dead_letters_arn)
    return SchedulerAlarms(client("scheduler"), AlarmGroupSettings.from_env().alarm_group, ringing)


def _alarm_removal() -> SchedulerRemoval:
    from serving.adapters.scheduler import SchedulerRemoval

    return SchedulerRemoval(client("scheduler"), AlarmGroupSettings.from_env().alarm_group)


def _scheduling() -> Scheduling:
    from serving.usecases.scheduling import Scheduling

    return Scheduling(_store(), _agendas(), _alarms(), _commanding(), start_model(), stop_model(), _CLOCK)


def _rescheduling() -> UpdateModel:
    """Updates of a schedule alone: nothing that depends on models' files or on instances changes with it."""
    from serving.adapters.headroom import FargateHeadroom
    from serving.usecases.update_model import UpdateModel

    return UpdateModel(_commanding(), _shape_checks(), FargateHeadroom(), _traffics())


def _shape_checks() -> WishChecks:
    from serving.adapters.addresses import ResolvingGuard
    from serving.usecases.wish_checks import WishChecks

    return WishChecks(ResolvingGuard(ApiBaseSettings.from_env().api_base_allow_list))


def _checks() -> WishChecks:
    from serving.adapters.addresses import ResolvingGuard
    from serving.usecases.feasible import Feasible
    from serving.usecases.wish_checks import WishChecks

    guard = ResolvingGuard(ApiBaseSettings.from_env().api_base_allow_list)
    return WishChecks(guard, Feasible(_artifacts(), _instances()))


def _artifacts() -> S3ArtifactFacts:
    from serving.adapters.artifacts import S3ArtifactFacts

    settings = ArtifactSettings.from_env()
    return S3ArtifactFacts(lambda: client("s3", **_BRIEFLY), settings.artifact_bucket, settings.artifact_bucket_owner)


@cache
def _instances() -> RegionInstances:
    from serving.adapters.catalogue import snapshot
    from serving.adapters.instances import Clients, Place, RegionInstances
    from serving.adapters.price_list import ANSWERING

    settings = PlaceSettings.from_env()
    here = client("dynamodb").meta
    answering = ANSWERING.get(str(here.partition))
    clients = Clients(
        lambda: client("ec2", **_BRIEFLY),
        lambda: client("service-quotas", **_BRIEFLY),
        lambda: client("cloudwatch", **_BRIEFLY),
        (lambda: client("pricing", region=answering, **_BRIEFLY)) if answering else None,
    )
    place = Place(
        str(here.region_name),
        settings.engine_gpu_instance_types,
        settings.engine_gpu_capacity,
        settings.engine_gpu_maximum_instances or None,
    )
    return RegionInstances(clients, snapshot(), place, _CLOCK)


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
    machines = {
        Goal.SERVE: settings.provision_machine_arn,
        Goal.UPDATE: settings.update_machine_arn,
        Goal.HALT: settings.stop_machine_arn,
        Goal.REMOVE: settings.retire_machine_arn,
    }
    return StepFunctions(client("stepfunctions"), machines)


def _control() -> EcsControl:
    from serving.adapters.engines import EcsControl

    settings = ClusterSettings.from_env()
    return EcsControl(client("ecs"), settings.cluster_arn, settings.environment)


def _services() -> EcsServices:
    from serving.adapters.services import EcsServices

    settings = ClusterSettings.from_env()
    return EcsServices(client("ecs"), settings.cluster_arn, settings.environment)


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
