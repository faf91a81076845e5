"""The registry's handlers over a small AWS."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest
from moto.core import DEFAULT_ACCOUNT_ID

from kit.aws import client
from registry import wiring
from tests.fabric.wire import Context, bus_event, envelope_of, http_event
from tests.fabric.world import REGION, create_table, forget, small_aws

MODEL_ID, VERSION = "smollm2-135m", "1.0.0"
PREFIX = f"{MODEL_ID}/{VERSION}/"
WEIGHTS = b"GGUF" + b"\0" * 28
ADMIN = {"subject": "oidc:root", "kind": "oidc", "groups": [], "scopes": ["admin"]}
READER = {"subject": "oidc:u", "kind": "oidc", "groups": ["research"], "scopes": ["models:read"]}
STRANGER = {"subject": "oidc:v", "kind": "oidc", "groups": ["finance"], "scopes": ["models:read"]}


def manifest(**changes: Any) -> dict[str, Any]:
    """A manifest of one file, with these changes."""
    files = [{"path": "model.gguf", "size_bytes": len(WEIGHTS), "sha256": hashlib.sha256(WEIGHTS).hexdigest()}]
    good = {
        "schema": "slipway.manifest/1",
        "model_id": MODEL_ID,
        "version": VERSION,
        "format": "gguf",
        "license": "Apache-2.0",
        "files": files,
    }
    return {**good, **changes}


class Shelf:
    """The artefact bucket and the registry's functions."""

    def upload(self, content: Mapping[str, Any] | bytes | None = None, *, weights: bytes | None = WEIGHTS) -> str:
        """Put weights and manifest (or other bytes in its place) there; answers the manifest's digest."""
        document = content if isinstance(content, bytes) else json.dumps(content or manifest()).encode()
        if weights is not None:
            client("s3").put_object(Bucket="artifacts", Key=PREFIX + "model.gguf", Body=weights)
        client("s3").put_object(Bucket="artifacts", Key=PREFIX + "manifest.json", Body=document)
        return hashlib.sha256(document).hexdigest()

    def request(
        self, digest: str, number: int = 1, *, uri: str = f"s3://artifacts/{PREFIX}", groups: tuple[str, ...] = ("research",)
    ) -> None:
        """Deliver `ModelRequested` with this digest; `number` tells one event from another."""
        model = {
            "model_id": MODEL_ID,
            "hosting": "hosted",
            "allowed_groups": list(groups),
            "artifact": {"uri": uri, "manifest_sha256": digest},
            "engine": {"kind": "mock"},
        }
        data = {
            "model_id": MODEL_ID,
            "generation": number,
            "operation_id": f"{number:026d}",
            "hosting": "hosted",
            "version": VERSION,
            "model": model,
        }
        handler = import_module("functions.registry.on_model_requested.handler").handler
        handler(bus_event(envelope_of("ModelRequested", data, event_id=f"{number:026d}")), Context())

    def update(self, digest: str, changes: Mapping[str, Any], number: int = 2, *, groups: tuple[str, ...] = ("research",)) -> None:
        """Deliver `ModelUpdated` with these changes, after which the wish names this digest."""
        model = {
            "model_id": MODEL_ID,
            "hosting": "hosted",
            "allowed_groups": list(groups),
            "artifact": {"uri": f"s3://artifacts/{PREFIX}", "manifest_sha256": digest},
            "engine": {"kind": "mock"},
        }
        data = {"model_id": MODEL_ID, "generation": number, "operation_id": f"{number:026d}", "changes": dict(changes), "model": model}
        handler = import_module("functions.registry.on_model_updated.handler").handler
        handler(bus_event(envelope_of("ModelUpdated", data, event_id=f"{number:026d}")), Context())

    def call(self, function: str, caller: Mapping[str, Any] | None, **path: str) -> dict[str, Any]:
        """One request to the API; the answer with its body decoded."""
        handler = import_module(f"functions.registry.{function}.handler").handler
        answer: dict[str, Any] = handler(http_event("GET", "/models/x/versions", principal=caller, path_parameters=path), Context())
        return {**answer, "json": json.loads(answer["body"])}


@contextmanager
def registry_world(owner: str = DEFAULT_ACCOUNT_ID) -> Iterator[Shelf]:
    """A fresh version table and an empty artefact bucket."""
    settings = {
        "VERSION_TABLE": "versions",
        "ARTIFACT_BUCKET": "artifacts",
        "ARTIFACT_BUCKET_OWNER": owner,
        "POWERTOOLS_SERVICE_NAME": "registry",
    }
    with small_aws(settings):
        forget(wiring)
        create_table("versions")
        client("s3").create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield Shelf()
    forget(wiring)


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """The registry with an empty bucket."""
    with registry_world() as made:
        yield made
