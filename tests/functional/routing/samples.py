"""What serving and routers say in these tests."""

from typing import Any

MODEL_ID = "smollm2-135m"


def ulid(number: int) -> str:
    """An event id that is the newer the larger the number."""
    return f"{number:026d}"


def hosted_model() -> dict[str, Any]:
    """A hosted model's wish."""
    return {
        "model_id": MODEL_ID,
        "hosting": "hosted",
        "allowed_groups": ["research"],
        "artifact": {"uri": f"s3://artifacts/{MODEL_ID}/1.0.0/", "manifest_sha256": "0" * 64},
        "engine": {"kind": "mock"},
    }


def provider_model() -> dict[str, Any]:
    """A provider model's wish."""
    return provider_model_of("gpt-5")


def provider_model_of(name: str) -> dict[str, Any]:
    """The wish for that model of the provider's."""
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:openai-AbCdEf"
    provider = {"name": "openai", "model": name, "api_base": None, "region": None, "secret": secret}
    return {"model_id": MODEL_ID, "hosting": "provider", "allowed_groups": ["*"], "provider": provider}


def model_requested(model: dict[str, Any], generation: int = 1) -> dict[str, Any]:
    """`ModelRequested`."""
    return {
        "model_id": MODEL_ID,
        "generation": generation,
        "operation_id": ulid(1),
        "hosting": model["hosting"],
        "version": "1.0.0",
        "model": model,
    }


def model_updated(model: dict[str, Any], generation: int = 2) -> dict[str, Any]:
    """`ModelUpdated`, of which routing reads the whole wish."""
    return {
        "model_id": MODEL_ID,
        "generation": generation,
        "operation_id": ulid(1),
        "changes": {"description": "new"},
        "change_class": "hot",
        "model": model,
    }


def stop_requested(generation: int = 2, *, asleep: bool = False, expected: float | None = None) -> dict[str, Any]:
    """`ModelStopRequested`."""
    return {
        "model_id": MODEL_ID,
        "generation": generation,
        "operation_id": ulid(1),
        "hosting": "hosted",
        "asleep": asleep,
        "expected_start_seconds": expected,
    }


def capacity_changed(generation: int = 1, *targets: tuple[str, str], desired: int = 1) -> dict[str, Any]:
    """`CapacityChanged` with these targets (id, status); one running target unless told otherwise."""
    listed = [
        {"target_id": name, "version": "1.0.0", "address": "10.0.1.17", "port": 8080, "status": status}
        for name, status in (targets or (("task-1", "running"),))
    ]
    return {
        "model_id": MODEL_ID,
        "generation": generation,
        "version": "1.0.0",
        "desired": desired,
        "running": len(listed),
        "targets": listed,
        "reason": "task task-1 is running",
        "model": hosted_model(),
    }


def health(observed: str, generation: int = 1, target_id: str = "task-1") -> dict[str, Any]:
    """`RouteHealthObserved`."""
    failure = {"code": "weights-corrupt", "message": "no", "hint": ""} if observed == "failed" else None
    return {
        "model_id": MODEL_ID,
        "generation": generation,
        "target_id": target_id,
        "observed": observed,
        "phase": "",
        "progress": None,
        "failure": failure,
        "router_id": "router-0",
        "observed_at": "2026-01-01T00:00:00.000Z",
    }


def ended(generation: int = 1, **more: Any) -> dict[str, Any]:
    """`ModelDeletionRequested`, `ModelDeleted` or, with the rest of its fields, `ModelFailed`."""
    return {"model_id": MODEL_ID, "generation": generation, "operation_id": ulid(1), **more}
