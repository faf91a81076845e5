"""Whole examples that field examples cannot give: documents that people copy, and the parts of events that would else stay empty."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

_DIGEST: Final = "5b3d2f6c0a9e8b7d4c1f0e3a6b9d8c7f2e5a4b1c0d9f8e7a6b5c4d3e2f1a0b9c"

HOSTED_MODEL: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "model_id": "smollm2-135m",
        "hosting": "hosted",
        "task": "chat",
        "description": "A small model that answers on a CPU",
        "allowed_groups": ["research"],
        "tags": {"team": "ml"},
        "generation_defaults": {"max_tokens": 512, "temperature": 0.7, "top_p": 0.9},
        "artifact": {"uri": "s3://slipway-artifacts/smollm2-135m/1.0.0/", "manifest_sha256": _DIGEST},
        "engine": {"kind": "llama.cpp", "arguments": {"context_length": 8192}},
        "capacity": {"min": 0, "max": 4, "desired": 1},
    }
)
"""A body for `POST /models`: a model that an engine of ours serves."""

PROVIDER_MODEL: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "model_id": "claude",
        "hosting": "provider",
        "description": "Answered by Amazon Bedrock",
        "allowed_groups": ["research"],
        "provider": {"name": "bedrock", "model": "anthropic.claude-sonnet-4-5", "region": "eu-west-1"},
    }
)
"""A body for `POST /models`: a model that a third party serves."""

SCHEDULE: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "time_zone": "Europe/Berlin",
        "windows": [{"days": ["mon", "tue", "wed", "thu", "fri"], "opens": "08:00", "closes": "18:00"}],
        "lead_minutes": 10,
    }
)
"""A body for `PUT /models/{model_id}/schedule`: in service during office hours."""

_ROUTE: Final = {
    "model_id": "smollm2-135m",
    "revision": 17,
    "generation": 1,
    "state": "open",
    "hosting": "hosted",
    "version": "1.0.0",
    "task": "chat",
    "created_at": "2026-01-01T00:00:00.000Z",
    "allowed_groups": ["research"],
    "targets": [
        {
            "target_id": "4a1f0c1b2d3e4f5061728394a5b6c7d8",
            "version": "1.0.0",
            "kind": "engine",
            "address": "10.0.1.17",
            "port": 8080,
            "status": "ready",
            "engine_kind": "llama.cpp",
        }
    ],
}

EVENT_PARTS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "CapacityChanged": {
            "targets": [
                {
                    "target_id": "4a1f0c1b2d3e4f5061728394a5b6c7d8",
                    "version": "1.0.0",
                    "address": "10.0.1.17",
                    "port": 8080,
                    "status": "running",
                }
            ]
        },
        "ModelVersionPublished": {"files": [{"path": "smollm2-135m.gguf", "size_bytes": 98_362_432, "sha256": _DIGEST}]},
        "RouteChanged": {"route": _ROUTE},
        "RouteHealthObserved": {"phase": "ready"},
    }
)
"""Event name → fields of its example that say more than their defaults."""
