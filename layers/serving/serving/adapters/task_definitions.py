"""What a model's wish means in ECS's words: its task definition and its service."""

import json
from dataclasses import dataclass
from typing import Any

from contracts.engine import ENGINE_CONTAINER_NAME, ENGINE_PORT, Variable
from kit.errors import Refused
from serving.domain.model import Model

_CPU_UNITS, _CPU_MEMORY_MIB = 2048, 8192
_GPU_CPU_UNITS, _GPU_MEMORY_MIB = 3072, 12_288
"""Per GPU, reserved on the container: what the smallest GPU instances (4 vCPU, 16 GiB) have left beside agent and system."""
_STOP_SECONDS = 120  # Fargate's limit, and twice what the supervisor takes to drain


@dataclass(frozen=True)
class EngineEnvironment:
    """Where engines of this environment run, and as whom.

    `gpu_launch_type` is the kind of the GPU capacity provider: MANAGED_INSTANCES, or EC2 for an Auto Scaling group's. `images` by engine
    kind; an empty one is not there.
    """

    environment: str
    region: str
    cluster: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    task_role: str
    execution_role: str
    key_secret: str
    log_group: str
    gpu_capacity_provider: str
    gpu_launch_type: str
    cpu_capacity_provider: str
    images: dict[str, str]


def task_definition(family: str, model: Model, place: EngineEnvironment) -> dict[str, Any]:
    """Arguments of RegisterTaskDefinition."""
    spec, gpus = model.spec, _gpus(model)
    definition: dict[str, Any] = {
        "family": family,
        "networkMode": "awsvpc",
        "taskRoleArn": place.task_role,
        "executionRoleArn": place.execution_role,
        "requiresCompatibilities": [place.gpu_launch_type if gpus else "FARGATE"],
        "containerDefinitions": [_container(model, place)],
        "tags": _tags(model, place),
    }
    if not gpus:
        definition |= {"cpu": str(_CPU_UNITS), "memory": str(_CPU_MEMORY_MIB)}
    types = spec["accelerator"]["instance_types"]
    if gpus and types:
        expression = f"attribute:ecs.instance-type in [{', '.join(types)}]"
        definition["placementConstraints"] = [{"type": "memberOf", "expression": expression}]
    return definition


def service(name: str, definition_arn: str, model: Model, place: EngineEnvironment) -> dict[str, Any]:
    """Arguments of CreateService."""
    single = model.desired <= 1
    return {
        "cluster": place.cluster,
        "serviceName": name,
        "taskDefinition": definition_arn,
        "desiredCount": model.desired,
        "capacityProviderStrategy": [
            {"capacityProvider": place.gpu_capacity_provider if _gpus(model) else place.cpu_capacity_provider, "weight": 1}
        ],
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        "deploymentConfiguration": {
            # One GPU has no room for a second copy beside the first; with more copies one at a time is replaced, none added.
            "minimumHealthyPercent": 0 if single else 50,
            "maximumPercent": 100 if _gpus(model) or single else 200,
            # The net below our own limit (`domain.tasks.START_LIMIT`): by default ECS gives up after its third failed start. To name a
            # threshold takes a newer SDK than Lambda's runtimes may hold. No roll-back: a first deployment has nothing to go back to.
            "deploymentCircuitBreaker": {"enable": True, "rollback": False},
        },
        # Rebalancing starts an extra task first: an extra GPU that may not exist.
        "availabilityZoneRebalancing": "DISABLED",
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": list(place.subnets),
                "securityGroups": list(place.security_groups),
                # Fargate pulls its image and its secrets through the task's own interface, and there is no NAT; instances use their own,
                # and their tasks' interfaces never get a public address.
                "assignPublicIp": "DISABLED" if _gpus(model) else "ENABLED",
            }
        },
        "propagateTags": "SERVICE",
        "enableECSManagedTags": True,
        "tags": _tags(model, place),
    }


def _container(model: Model, place: EngineEnvironment) -> dict[str, Any]:
    spec, gpus = model.spec, _gpus(model)
    health = spec["container"]["health_check"]
    container: dict[str, Any] = {
        "name": ENGINE_CONTAINER_NAME,
        "image": _image(model, place),
        "essential": True,
        "portMappings": [{"containerPort": ENGINE_PORT, "protocol": "tcp"}],
        "environment": [{"name": name, "value": value} for name, value in sorted(_variables(model, place).items())],
        "secrets": [{"name": Variable.API_KEY.value, "valueFrom": place.key_secret}],
        "healthCheck": {
            "command": ["CMD", *health["command"]],
            "interval": health["interval_seconds"],
            "timeout": health["timeout_seconds"],
            "retries": health["retries"],
            "startPeriod": health["start_period_seconds"],
        },
        "stopTimeout": _STOP_SECONDS,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {"awslogs-group": place.log_group, "awslogs-region": place.region, "awslogs-stream-prefix": model.model_id},
        },
    }
    if gpus:
        container |= {
            "cpu": _GPU_CPU_UNITS * gpus,
            "memoryReservation": _GPU_MEMORY_MIB * gpus,
            "resourceRequirements": [{"type": "GPU", "value": str(gpus)}],
            "linuxParameters": {"sharedMemorySize": spec["container"]["shared_memory_mib"]},  # Fargate does not take it
        }
    return container


def _variables(model: Model, place: EngineEnvironment) -> dict[str, str]:
    spec = model.spec
    ours = {
        Variable.MODEL_ID: model.model_id,
        Variable.MODEL_VERSION: model.version,
        Variable.ENGINE_KIND: spec["engine"]["kind"],
        Variable.TASK: spec["task"],
        Variable.ARTIFACT_OWNER: place.cluster.split(":")[4],
        Variable.ARTIFACT_URI: spec["artifact"]["uri"],
        Variable.MANIFEST_SHA256: spec["artifact"]["manifest_sha256"],
        Variable.ENGINE_ARGUMENTS: json.dumps(spec["engine"]["arguments"], sort_keys=True, separators=(",", ":")),
        Variable.FEATURES: json.dumps(spec["features"], sort_keys=True, separators=(",", ":")),
    }
    # Ours come last: the allow-list keeps users' names apart from them, and this makes it certain. Only Fargate sets the region by itself.
    return {
        **spec["container"]["environment"],
        **{name.value: str(value) for name, value in ours.items()},
        "AWS_REGION": place.region,
    }


def _image(model: Model, place: EngineEnvironment) -> str:
    engine = model.spec["engine"]
    image = engine.get("image") or place.images.get(engine["kind"], "")
    if not image:
        raise Refused(
            "engine-not-installed",
            f"this environment has no image for engine kind {engine['kind']}",
            "Set the environment's image for that kind, or name one in engine.image.",
        )
    return str(image)


def _gpus(model: Model) -> int:
    return int(model.spec["accelerator"]["gpus"])


def _tags(model: Model, place: EngineEnvironment) -> list[dict[str, str]]:
    tags = {
        "slipway:environment": place.environment,
        "slipway:model": model.model_id,
        "slipway:version": model.version,
        "slipway:generation": str(model.generation),
    }
    return [{"key": name, "value": value} for name, value in tags.items()]
