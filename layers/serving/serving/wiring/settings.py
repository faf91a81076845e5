"""What serving's functions read from their environment, by what needs it."""

from __future__ import annotations

from dataclasses import dataclass

from kit.settings import Settings


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
