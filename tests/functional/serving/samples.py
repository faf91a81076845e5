"""Wishes and events that serving's tests are made of."""

from typing import Any

DIGEST = "5b3d2f6c0a9e8b7d4c1f0e3a6b9d8c7f2e5a4b1c0d9f8e7a6b5c4d3e2f1a0b9c"
MODEL_ID = "smollm2-135m"
_EXITED = "Essential container in task exited"
ADMIN = {"subject": "token:admin", "kind": "token", "groups": [], "scopes": ["admin"]}
RESEARCHER = {"subject": "token:r", "kind": "token", "groups": ["research"], "scopes": ["models:read", "models:write"]}
STRANGER = {"subject": "token:s", "kind": "token", "groups": ["sales"], "scopes": ["models:read", "models:write"]}
READER = {"subject": "token:reader", "kind": "token", "groups": ["research"], "scopes": ["models:read"]}


def hosted(model_id: str = MODEL_ID, **changes: Any) -> dict[str, Any]:
    """A body for `POST /models`: an engine of ours."""
    return {
        "model_id": model_id,
        "hosting": "hosted",
        "allowed_groups": ["research"],
        "tags": {"team": "ml"},
        "artifact": {"uri": f"s3://slipway-artifacts/{model_id}/1.0.0/", "manifest_sha256": DIGEST},
        "engine": {"kind": "llama.cpp", "arguments": {"context_length": 8192}},
    } | changes


def provider(model_id: str = "claude", **changes: Any) -> dict[str, Any]:
    """A body for `POST /models`: a third party."""
    spec = {"name": "bedrock", "model": "anthropic.claude-sonnet-4-5", "region": "eu-west-1"}
    return {"model_id": model_id, "hosting": "provider", "allowed_groups": ["research"], "provider": spec} | changes


def task_event(service: str, last: str, version: int, *, task: str = "a" * 32, desired: str = "RUNNING", **detail: Any) -> dict[str, Any]:
    """An ECS Task State Change as the default bus delivers it."""
    arn = f"arn:aws:ecs:eu-west-1:123456789012:task/cluster/{task}"
    address = [{"name": "privateIPv4Address", "value": "10.0.1.17"}]
    return {
        "version": "0",
        "id": f"3317b2af-7005-947d-b652-{version:012d}",
        "detail-type": "ECS Task State Change",
        "source": "aws.ecs",
        "account": "123456789012",
        "time": "2026-01-01T00:00:00Z",
        "region": "eu-west-1",
        "resources": [arn],
        "detail": {
            "attachments": [{"id": "eni", "type": "eni", "status": "ATTACHED", "details": address}],
            "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/cluster",
            "containers": [{"name": "engine", "lastStatus": last, "networkInterfaces": []}],
            "group": f"service:{service}",
            "lastStatus": last,
            "desiredStatus": desired,
            "taskArn": arn,
            "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/x:1",
            "version": version,
            **detail,
        },
    }


def crashed(service: str, version: int, exit_code: int, task: str = "a" * 32, reason: str = _EXITED) -> dict[str, Any]:
    """The STOPPED of a task whose engine ended by itself."""
    containers = [{"name": "engine", "lastStatus": "STOPPED", "exitCode": exit_code}]
    more = {"stopCode": "EssentialContainerExited", "stoppedReason": reason, "containers": containers}
    return task_event(service, "STOPPED", version, task=task, desired="STOPPED", **more)


def validated(model_id: str = MODEL_ID) -> dict[str, Any]:
    """Data of ModelVersionValidated."""
    return {"model_id": model_id, "version": "1.0.0", "manifest_sha256": DIGEST, "checks": ["manifest-digest"]}


def rejected(model_id: str = MODEL_ID) -> dict[str, Any]:
    """Data of ModelVersionRejected."""
    failure = {"code": "manifest-invalid", "message": "files: none ends in .gguf", "hint": "Publish it again."}
    return {"model_id": model_id, "version": "1.0.0", "manifest_sha256": DIGEST, "failure": failure}


def route(
    state: str, revision: int, generation: int = 1, model_id: str = MODEL_ID, targets: tuple[str, ...] | None = None
) -> dict[str, Any]:
    """Data of RouteChanged; the `targets` of an open route take requests, of a probing one not yet: one, unless said otherwise."""
    kind = "engine" if model_id == MODEL_ID else "provider"
    ready = targets if targets is not None else (("a" * 32 if kind == "engine" else "provider",) if state in {"open", "probing"} else ())
    status = "ready" if state == "open" else "probing"
    row = {
        "model_id": model_id,
        "revision": revision,
        "generation": generation,
        "state": state,
        "hosting": "hosted",
        "version": "1.0.0",
        "task": "chat",
        "created_at": "2026-01-01T00:00:00.000Z",
        "allowed_groups": ["research"],
        "targets": [{"target_id": one, "version": "1.0.0", "kind": kind, "address": None, "port": None, "status": status} for one in ready],
    }
    return {"model_id": model_id, "generation": generation, "revision": revision, "state": state, "route": row, "reason": "test"}


def health(observed: str, generation: int = 1, model_id: str = MODEL_ID, target: str = "a" * 32, **more: Any) -> dict[str, Any]:
    """Data of RouteHealthObserved."""
    seen = {"router_id": "router-0", "observed_at": "2026-01-01T00:00:00.000Z", "phase": "", "progress": None, "failure": None}
    return {"model_id": model_id, "generation": generation, "target_id": target, "observed": observed, **seen, **more}
