"""What is asked of ECS for a wish."""

import json
from dataclasses import replace
from typing import Any

import pytest

from kit.errors import Refused
from serving.adapters.task_definitions import EngineEnvironment, service, task_definition
from tests.unit.serving.samples import created

PLACE = EngineEnvironment(
    environment="test",
    region="eu-west-1",
    cluster="arn:aws:ecs:eu-west-1:123456789012:cluster/c",
    subnets=("subnet-1",),
    security_groups=("sg-1",),
    task_role="arn:task",
    execution_role="arn:execution",
    key_secret="arn:secret",
    log_group="/engines",
    gpu_capacity_provider="gpus",
    gpu_launch_type="MANAGED_INSTANCES",
    cpu_capacity_provider="FARGATE",
    images={"llama.cpp": "cpu-image", "vllm": "gpu-image"},
)


def _definition(**changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    found = task_definition("family", created(**changes)[0], PLACE)
    return found, found["containerDefinitions"][0]


def test_without_a_gpu_it_runs_on_fargate() -> None:
    """Sized for the task, no shared memory, which Fargate does not take."""
    definition, container = _definition()
    assert (definition["requiresCompatibilities"], definition["networkMode"]) == (["FARGATE"], "awsvpc")
    assert (definition["cpu"], definition["memory"]) == ("2048", "8192")
    assert {"linuxParameters", "resourceRequirements"} & set(container) == set()
    assert service("n", "d", created()[0], PLACE)["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "weight": 1}]


def test_with_gpus_it_runs_on_managed_instances() -> None:
    """With its GPUs, shared memory, and the instance types that were named."""
    changes = {
        "engine": {"kind": "vllm"},
        "accelerator": {"gpus": 2, "instance_types": ["g6.12xlarge"]},
        "container": {"shared_memory_mib": 4096},
    }
    definition, container = _definition(**changes)
    assert definition["requiresCompatibilities"] == ["MANAGED_INSTANCES"]
    assert {"cpu", "memory"} & set(definition) == set()
    assert container["resourceRequirements"] == [{"type": "GPU", "value": "2"}]
    assert container["linuxParameters"] == {"sharedMemorySize": 4096}
    assert "g6.12xlarge" in definition["placementConstraints"][0]["expression"]
    strategy = service("n", "d", created(**changes)[0], PLACE)["capacityProviderStrategy"]
    assert strategy == [{"capacityProvider": "gpus", "weight": 1}]


def test_on_an_auto_scaling_group_gpus_are_ec2s() -> None:
    """ECS refuses a definition for Managed Instances on a group's instances; without a GPU nothing changes."""
    place = replace(PLACE, gpu_launch_type="EC2")
    gpu = created(engine={"kind": "vllm"}, accelerator={"gpus": 1})[0]
    assert task_definition("f", gpu, place)["requiresCompatibilities"] == ["EC2"]
    assert task_definition("f", created()[0], place)["requiresCompatibilities"] == ["FARGATE"]


def test_the_container_is_told_what_it_serves_and_gets_its_key_by_reference() -> None:
    """The contract's variables, the user's allow-listed ones, and no secret among them."""
    _, container = _definition(container={"environment": {"OMP_NUM_THREADS": "2"}})
    variables = {item["name"]: item["value"] for item in container["environment"]}
    assert variables["SLIPWAY_MODEL_ID"] == "smollm2-135m"
    assert json.loads(variables["SLIPWAY_ENGINE_ARGUMENTS"])["context_length"] == 8192
    assert variables["OMP_NUM_THREADS"] == "2"
    assert container["secrets"] == [{"name": "ENGINE_API_KEY", "valueFrom": "arn:secret"}]
    assert "ENGINE_API_KEY" not in variables


def test_the_health_check_is_run_without_a_shell() -> None:
    """CMD and plain words."""
    _, container = _definition(container={"health_check": {"command": ["/app/health", "--port=8080"]}})
    assert container["healthCheck"]["command"] == ["CMD", "/app/health", "--port=8080"]


@pytest.mark.parametrize(
    ("gpus", "desired", "minimum", "maximum"),
    [(0, 1, 0, 100), (1, 1, 0, 100), (0, 3, 50, 200), (1, 3, 50, 100)],
)
def test_a_deployment_never_needs_a_gpu_more(gpus: int, desired: int, minimum: int, maximum: int) -> None:
    """The breaker is on, in words that older SDKs know; rebalancing, which starts an extra task, is off."""
    model = created(accelerator={"gpus": gpus}, capacity={"max": 3, "desired": desired})[0]
    made = service("n", "d", model, PLACE)
    configuration = made["deploymentConfiguration"]
    assert (configuration["minimumHealthyPercent"], configuration["maximumPercent"]) == (minimum, maximum)
    assert configuration["deploymentCircuitBreaker"] == {"enable": True, "rollback": False}
    assert made["availabilityZoneRebalancing"] == "DISABLED"


def test_an_image_of_ones_own_goes_before_the_environments() -> None:
    """And a kind without either is refused."""
    own = "registry.example/engine@sha256:" + "a" * 64
    assert _definition(engine={"kind": "vllm", "image": own})[1]["image"] == own
    assert _definition()[1]["image"] == "cpu-image"
    with pytest.raises(Refused, match="engine-not-installed"):
        task_definition("f", created()[0], replace(PLACE, images={}))
