"""What ECS tells of a whole service, and EC2 of a host: from an event of the default bus to what it is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

INTERRUPTION = "EC2 Spot Instance Interruption Warning"
REBALANCE = "EC2 Instance Rebalance Recommendation"


class ServiceEvent(StrEnum):
    """The `eventName`s that mean something to us, of `ECS Service Action` and `ECS Deployment State Change` alike."""

    PLACEMENT_FAILURE = "SERVICE_TASK_PLACEMENT_FAILURE"
    THROTTLED = "ECS_OPERATION_THROTTLED"
    START_IMPAIRED = "SERVICE_TASK_START_IMPAIRED"
    CONFIGURATION_FAILURE = "SERVICE_TASK_CONFIGURATION_FAILURE"
    DEPLOYMENT_FAILED = "SERVICE_DEPLOYMENT_FAILED"
    STEADY_STATE = "SERVICE_STEADY_STATE"


@dataclass(frozen=True)
class ServiceNews:
    """One event about one service; `reason` is ECS's own text, which may be empty. ECS numbers these events in no way."""

    service: str
    event: ServiceEvent
    reason: str


@dataclass(frozen=True)
class HostNews:
    """One event about one instance. `certain`: it goes in two minutes; else it is likely to go soon."""

    instance_id: str
    certain: bool


def service_news(event: Mapping[str, Any]) -> ServiceNews | None:
    """What the event says; None for one that means nothing to us. The service is named in `resources` alone."""
    detail = event["detail"]
    try:
        name = ServiceEvent(detail.get("eventName"))
    except ValueError:
        return None
    service = next((str(arn).rsplit("/", 1)[-1] for arn in event.get("resources", ()) if ":service/" in str(arn)), None)
    return ServiceNews(service, name, str(detail.get("reason") or "")) if service else None


def host_news(event: Mapping[str, Any]) -> HostNews | None:
    """What the event says of a host; None for one that names none."""
    instance = event["detail"].get("instance-id")
    return HostNews(str(instance), event.get("detail-type") == INTERRUPTION) if instance else None
