"""Condition keys that Slipway's policies lean on are there to be compared with: `ecs:cluster`, `events:source`, `events:detail-type`,
`aws:SecureTransport` (this machine's loopback interface counts as a secure transport).

Stock: they are absent, so a statement with such a condition allows nothing, or denies everything.
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

    stock = replace(iam_actions, "request_tag_context", context)
    rewrite(iam_evaluator, "_resolve_condition_key", (TRANSPORT, '    if k == "aws:securetransport":\n        return "true"\n'))


def keys(service: str, body: bytes) -> JSON:
    """The condition keys of a JSON request to ECS or EventBridge; one value as a string, several as a list."""
    if service not in {"ecs", "events"}:
        return {}
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return {}
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
