"""ECS's events on the default bus, in the shape that AWS gives them."""

import json
import logging
from typing import Any

from ministack.core.concurrency import resource_lock
from ministack.core.responses import new_uuid, now_iso
from ministack.services import ecs, eventbridge

JSON = dict[str, Any]
log = logging.getLogger("slipway.task_events")
NOT_IN_EVENTS = {"tags", "healthStatus", "platformFamily"}


def task_changed(task: JSON) -> None:
    """Announce a task as it stands now: `ECS Task State Change`, with the `version` that consumers order by."""
    with resource_lock("ecs-task", task["taskArn"]):
        detail = {name: value for name, value in ecs._sanitize(task).items() if name not in NOT_IN_EVENTS and value != ""}
    for attachment in detail.get("attachments", []):
        attachment["type"] = "eni"  # DescribeTasks says ElasticNetworkInterface
    for container in detail.get("containers", []):
        container.pop("healthStatus", None)
    detail["updatedAt"] = now_iso()
    _put("ECS Task State Change", detail, task["taskArn"])


def deployment_changed(service: JSON, deployment: JSON, name: str, reason: str) -> None:
    """Announce `ECS Deployment State Change` and, when it is steady, `ECS Service Action`."""
    kind = "ERROR" if name.endswith("FAILED") else "INFO"
    detail = {"eventType": kind, "eventName": name, "deploymentId": deployment["id"], "updatedAt": now_iso(), "reason": reason}
    _put("ECS Deployment State Change", detail, service["serviceArn"])
    if name.endswith("COMPLETED"):
        service_acted(service, "INFO", "SERVICE_STEADY_STATE")


def service_acted(service: JSON, kind: str, name: str, reason: str = "") -> None:
    """Announce `ECS Service Action`."""
    detail = {"eventType": kind, "eventName": name, "clusterArn": service["clusterArn"], "createdAt": now_iso()}
    _put("ECS Service Action", detail | ({"reason": reason} if reason else {}), service["serviceArn"])


def _put(detail_type: str, detail: JSON, resource: str) -> None:
    entry = {"Source": "aws.ecs", "DetailType": detail_type, "Detail": json.dumps(detail, default=str), "Resources": [resource]}
    try:
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    except Exception:
        log.exception("%s %s was not announced (%s)", detail_type, resource, new_uuid())
