"""Messages that `registry` owns: immutable versions and the evidence that they may be served."""

from typing import ClassVar

from pydantic import Field

from contracts.artifact import ManifestFile
from contracts.common import EventContract, Failure, ModelId, Semver, Sha256


class _VersionEvent(EventContract):
    source: ClassVar[str] = "slipway.registry"

    model_id: ModelId = Field(examples=["smollm2-135m"])
    version: Semver = Field(examples=["1.0.0"])
    manifest_sha256: Sha256 = Field(examples=["0" * 64])


class ModelVersionPublished(_VersionEvent):
    """A version has been written down and never changes again."""

    artifact_uri: str = Field(examples=["s3://slipway-artifacts/smollm2-135m/1.0.0/"])
    format: str = Field(examples=["gguf"])
    license: str = Field(examples=["Apache-2.0"])
    size_bytes: int = Field(ge=0, examples=[98_362_432])
    files: list[ManifestFile] = Field(default_factory=list)


class ModelVersionValidated(_VersionEvent):
    """The version's manifest and files are what they claim to be; it may be served."""

    checks: list[str] = Field(examples=[["manifest-digest", "files-present", "file-types"]])


class ModelVersionRejected(_VersionEvent):
    """The version must not be served, and why."""

    failure: Failure


EVENTS: tuple[type[EventContract], ...] = (ModelVersionPublished, ModelVersionValidated, ModelVersionRejected)
