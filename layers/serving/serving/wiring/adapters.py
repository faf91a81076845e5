"""Serving's ways to AWS and the clock, made from settings. Nothing here decides anything."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from kit.aws import client
from kit.clock import SystemClock
from kit.ids import Ids
from serving.wiring.settings import (
    AlarmGroupSettings,
    AlarmSettings,
    ApiBaseSettings,
    ArtifactSettings,
    BusSettings,
    ClusterSettings,
    LaunchSettings,
    MachineSettings,
    ModelSettings,
    PlaceSettings,
)

if TYPE_CHECKING:
    from kit.ledger import Announcer
    from serving.adapters.addresses import ResolvingGuard
    from serving.adapters.agendas import TableAgendas
    from serving.adapters.artifacts import S3ArtifactFacts
    from serving.adapters.engines import EcsControl, EcsLauncher
    from serving.adapters.headroom import ListedInstances, ListPrices
    from serving.adapters.instances import RegionInstances
    from serving.adapters.machines import StepFunctions
    from serving.adapters.scheduler import SchedulerAlarms, SchedulerRemoval
    from serving.adapters.services import EcsServices
    from serving.adapters.store import TableStore
    from serving.adapters.traffic import TableTraffic

CONTEXT = "serving"
CLOCK = SystemClock()
_BRIEFLY: dict[str, Any] = {"attempts": 2, "connect_timeout": 1, "read_timeout": 3}
"""For what a request asks on the way and can do without."""


def traffics() -> TableTraffic:
    """What routers tell of models' traffic: `LOAD` rows."""
    from kit.table import Table
    from serving.adapters.traffic import TableTraffic

    return TableTraffic(Table(client("dynamodb"), ModelSettings.from_env().model_table), CLOCK)


def agendas() -> TableAgendas:
    """What was done about models' schedules: `SCHEDULE` rows."""
    from kit.table import Table
    from serving.adapters.agendas import TableAgendas

    return TableAgendas(Table(client("dynamodb"), ModelSettings.from_env().model_table))


def alarms() -> SchedulerAlarms:
    """One-time schedules of models: read, set, removed."""
    from serving.adapters.scheduler import Ringing, SchedulerAlarms

    settings = AlarmSettings.from_env()
    ringing = Ringing(settings.alarm_function_arn, settings.alarm_role_arn, settings.dead_letters_arn)
    return SchedulerAlarms(client("scheduler"), AlarmGroupSettings.from_env().alarm_group, ringing)


def alarm_removal() -> SchedulerRemoval:
    """The same for those who only remove them."""
    from serving.adapters.scheduler import SchedulerRemoval

    return SchedulerRemoval(client("scheduler"), AlarmGroupSettings.from_env().alarm_group)


def guard() -> ResolvingGuard:
    """Looks where a third party's address leads."""
    from serving.adapters.addresses import ResolvingGuard

    return ResolvingGuard(ApiBaseSettings.from_env().api_base_allow_list)


def artifacts() -> S3ArtifactFacts:
    """What is known of models' files without fetching them."""
    from serving.adapters.artifacts import S3ArtifactFacts

    settings = ArtifactSettings.from_env()
    return S3ArtifactFacts(lambda: client("s3", **_BRIEFLY), settings.artifact_bucket, settings.artifact_bucket_owner)


@cache
def instances() -> RegionInstances:
    """The region's instance types: what they are, what is left of quotas, what they cost."""
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
    return RegionInstances(clients, snapshot(), place, CLOCK)


def listed_instances() -> ListedInstances:
    """The types of the list that comes with this package: nothing is asked."""
    from serving.adapters.catalogue import snapshot
    from serving.adapters.headroom import ListedInstances

    settings = PlaceSettings.from_env()
    capacity, most = settings.engine_gpu_capacity, settings.engine_gpu_maximum_instances
    bounded = most if most and capacity == "AutoScalingGroup" else None
    region = str(client("dynamodb").meta.region_name)
    return ListedInstances(snapshot(), region, allowed=settings.engine_gpu_instance_types, capacity=capacity, most_instances=bounded)


def list_prices() -> ListPrices:
    """What copies cost by the list that comes with this package: nothing is asked."""
    from serving.adapters.catalogue import snapshot
    from serving.adapters.headroom import ListPrices

    return ListPrices(snapshot(), PlaceSettings.from_env().engine_gpu_instance_types)


@cache
def store() -> TableStore:
    """Models, operations, tasks and the ledger, in the table."""
    from kit.envelope import Wrapper
    from kit.table import Table
    from serving.adapters.store import TableStore

    settings = ModelSettings.from_env()
    return TableStore(Table(client("dynamodb"), settings.model_table), Wrapper(CONTEXT, settings.environment, CLOCK, Ids(CLOCK)), CLOCK)


def machines() -> StepFunctions:
    """The state machines, by what they are for; those without an ARN here are not touched."""
    from serving.adapters.machines import StepFunctions
    from serving.domain.operation import Goal

    settings = MachineSettings.from_env()
    by_goal = {
        Goal.SERVE: settings.provision_machine_arn,
        Goal.UPDATE: settings.update_machine_arn,
        Goal.HALT: settings.stop_machine_arn,
        Goal.REMOVE: settings.retire_machine_arn,
    }
    return StepFunctions(client("stepfunctions"), by_goal)


def control() -> EcsControl:
    """ECS services of models: looked at, scaled, ended."""
    from serving.adapters.engines import EcsControl

    settings = ClusterSettings.from_env()
    return EcsControl(client("ecs"), settings.cluster_arn, settings.environment)


def services() -> EcsServices:
    """ECS services of models: what they say of themselves."""
    from serving.adapters.services import EcsServices

    settings = ClusterSettings.from_env()
    return EcsServices(client("ecs"), settings.cluster_arn, settings.environment)


def launcher() -> EcsLauncher:
    """Makes ECS services of models."""
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


def announcer() -> Announcer:
    """Tells the bus what the ledger holds."""
    from kit.bus import Bus
    from kit.ledger import Announcer
    from kit.table import Table

    table = Table(client("dynamodb"), ModelSettings.from_env().model_table)
    return Announcer(table, Bus(client("events"), BusSettings.from_env().bus_name), CLOCK)
