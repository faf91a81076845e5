"""Events of ECS and EC2 as the default bus delivers them, field by field, and the sentences that ECS writes."""

from typing import Any

_ACCOUNT, _REGION = "123456789012", "eu-west-1"
_CLUSTER = f"arn:aws:ecs:{_REGION}:{_ACCOUNT}:cluster/cluster"
_TIME = "2026-01-01T00:00:00Z"

NO_PLACE = (
    "(service x) was unable to place a task because no container instance met all of its requirements. "
    "The closest matching (container-instance 5f3a) has insufficient GPU resource available."
)
NO_CAPACITY = "(service x) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later."
UNFULFILLABLE = "(service x) was unable to place a task. Reason: UnfulfillableCapacity: Unable to fulfill capacity due to your request."
VCPU_LIMIT = (
    "(service x) was unable to place a task. Reason: UnfulfillableCapacity: VcpuLimitExceeded: You have requested more vCPU capacity than "
    "your current vCPU limit of 8 allows for the instance bucket that the specified instance type belongs to."
)
SPOT_LIMIT = (
    "(service x) was unable to place a task. Reason: UnfulfillableCapacity: MaxSpotInstanceCountExceeded: Max spot instance count exceeded."
)


def _envelope(source: str, detail_type: str, resources: list[str], detail: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "af3c496d-f4a8-65d1-70f4-a69d52e9b584",
        "detail-type": detail_type,
        "source": source,
        "account": _ACCOUNT,
        "time": _TIME,
        "region": _REGION,
        "resources": resources,
        "detail": detail,
    }


def _service(name: str) -> str:
    return f"arn:aws:ecs:{_REGION}:{_ACCOUNT}:service/cluster/{name}"


def service_action(service: str, event: str, reason: str | None = None) -> dict[str, Any]:
    """An `ECS Service Action`. It has no version; only a failed placement says why, and which capacity providers were asked."""
    level = {"SERVICE_STEADY_STATE": "INFO", "SERVICE_TASK_START_IMPAIRED": "WARN"}.get(event, "ERROR")
    detail: dict[str, Any] = {"eventType": level, "eventName": str(event), "clusterArn": _CLUSTER, "createdAt": _TIME}
    if reason is not None:
        detail |= {"reason": reason, "capacityProviderArns": [f"arn:aws:ecs:{_REGION}:{_ACCOUNT}:capacity-provider/gpus"]}
    return _envelope("aws.ecs", "ECS Service Action", [_service(service)], detail)


def deployment_failed(service: str) -> dict[str, Any]:
    """An `ECS Deployment State Change` of a circuit breaker that has given up. It names neither cluster nor task definition."""
    detail = {
        "eventType": "ERROR",
        "eventName": "SERVICE_DEPLOYMENT_FAILED",
        "deploymentId": "ecs-svc/0123456789012345678",
        "updatedAt": _TIME,
        "reason": "ECS deployment circuit breaker: task failed to start.",
    }
    return _envelope("aws.ecs", "ECS Deployment State Change", [_service(service)], detail)


def interruption(instance_id: str) -> dict[str, Any]:
    """An `EC2 Spot Instance Interruption Warning`: two minutes are left."""
    resources = [f"arn:aws:ec2:{_REGION}a:instance/{instance_id}"]
    detail = {"instance-id": instance_id, "instance-action": "terminate"}
    return _envelope("aws.ec2", "EC2 Spot Instance Interruption Warning", resources, detail)


def rebalance(instance_id: str) -> dict[str, Any]:
    """An `EC2 Instance Rebalance Recommendation`: the risk has risen."""
    resources = [f"arn:aws:ec2:{_REGION}a:instance/{instance_id}"]
    return _envelope("aws.ec2", "EC2 Instance Rebalance Recommendation", resources, {"instance-id": instance_id})
