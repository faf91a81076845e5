"""What a policy is compared with: the service or task that an ECS call names, and the condition keys that Slipway's policies lean on,
`ecs:cluster`, `events:source`, `events:detail-type` and `aws:SecureTransport` (this machine's loopback interface counts as secure).

Stock: most ECS calls are checked on the cluster or on `*`, and the keys are absent: such a statement allows nothing, or denies everything.
"""

import json
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region

from local.emulator.pin import expect, replace, rewrite

JSON = dict[str, Any]
TRANSPORT = '    if k == "aws:securetransport":\n        return str(ctx.secure_transport).lower()\n'


def apply() -> None:
    """Add the keys where the emulator collects a request's tags."""
    from ministack import app

    expect(app._dispatch_service_request, "service_context = {**request_tag_context(service, iam_action, body, routing_params)")

    def context(service: str, action: str, body: bytes, parameters: JSON) -> JSON:
        found: JSON = stock(service, action, body, parameters)
        return found | keys(service, body)

    def resource(service: str, method: str, path: str, headers: JSON, body: bytes, parameters: JSON, region: str, account: str) -> str:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if service == "ecs" and operation:
            return ecs_resource(operation, _decoded(body), f"arn:aws:ecs:{region}:{account}:")
        return str(stock_resource(service, method, path, headers, body, parameters, region, account))

    stock = replace(iam_actions, "request_tag_context", context)
    stock_resource = replace(iam_actions, "extract_resource_arn", resource)
    rewrite(iam_evaluator, "_resolve_condition_key", (TRANSPORT, '    if k == "aws:securetransport":\n        return "true"\n'))


def keys(service: str, body: bytes) -> JSON:
    """The condition keys of a JSON request to ECS or EventBridge; one value as a string, several as a list."""
    if service not in {"ecs", "events"}:
        return {}
    request = _decoded(body)
    if service == "ecs":
        cluster = str(request.get("cluster") or "default")
        return {
            "ecs:cluster": cluster if cluster.startswith("arn:") else f"arn:aws:ecs:{get_region()}:{get_account_id()}:cluster/{cluster}"
        }
    entries = request.get("Entries") or []
    collected = {
        "events:source": sorted({str(entry.get("Source")) for entry in entries}),
        "events:detail-type": sorted({str(entry.get("DetailType")) for entry in entries}),
    }
    return {key: values[0] if len(values) == 1 else values for key, values in collected.items() if values}


# Operation → kind of resource, and the request's member that names it. AWS knows no resource for the operations that are absent here.
ECS_RESOURCES = {
    "CreateService": ("service", "serviceName"),
    "UpdateService": ("service", "service"),
    "DeleteService": ("service", "service"),
    "DescribeServices": ("service", "services"),
    "DescribeTasks": ("task", "tasks"),
    "StopTask": ("task", "task"),
    "ExecuteCommand": ("task", "task"),
    "RunTask": ("task-definition", "taskDefinition"),
    "RegisterTaskDefinition": ("task-definition", "family"),
    "DescribeContainerInstances": ("container-instance", "containerInstances"),
    "ListContainerInstances": ("cluster", "cluster"),
    "DescribeClusters": ("cluster", "clusters"),
    "UpdateCluster": ("cluster", "cluster"),
    "TagResource": ("", "resourceArn"),
}


def ecs_resource(operation: str, request: JSON, prefix: str) -> str:
    """The ARN that an ECS call is checked on; the first one of a call that names several."""
    kind, member = ECS_RESOURCES.get(operation, ("", ""))
    named = request.get(member) if member else None
    name = str((named[0] if named else "") if isinstance(named, list) else named or "")
    if not name or name.startswith("arn:"):
        return name or "*"
    cluster = str(request.get("cluster") or "default").rpartition("/")[2]
    if operation == "RegisterTaskDefinition":
        name += ":*"  # of a revision that is not yet numbered
    return f"{prefix}{kind}/{cluster}/{name}" if kind in {"service", "task", "container-instance"} else f"{prefix}{kind}/{name}"


def _decoded(body: bytes) -> JSON:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        found = {}
    return found if isinstance(found, dict) else {}
