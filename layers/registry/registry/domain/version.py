"""A model's version and the rules by which it is accepted or refused; a validated version never changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

CHECKS = ("manifest-digest", "manifest-rules", "manifest-names", "files-present", "file-sizes", "file-types")
"""What a validated version has been found to satisfy, in the order in which it is looked at."""


@dataclass(frozen=True)
class Request:
    """What is asked to be served: the model's name and version, where it lies, and the digest that names its content."""

    model_id: str
    version: str
    artifact_uri: str
    manifest_sha256: str


@dataclass(frozen=True)
class Content:
    """What the manifest says: files as path, size in bytes and SHA-256 in hex; `size_bytes` is the sum of all."""

    model_id: str
    version: str
    format: str
    license: str
    size_bytes: int
    files: tuple[tuple[str, int, str], ...]


@dataclass(frozen=True)
class Rejection:
    """Why a version must not be served: a stable code, a sentence, what to do about it."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True)
class Version:
    """A version as it is written down, with the verdict on it. `content` is None where there was no readable manifest."""

    request: Request
    status: Literal["validated", "rejected"]
    content: Content | None
    rejection: Rejection | None
    created_by: str
    created_at: str


def location(artifact_uri: str, bucket: str) -> str | Rejection:
    """The prefix below which the artefact lies in `bucket`, or why it may not be read."""
    if not artifact_uri.startswith(f"s3://{bucket}/"):
        return Rejection(
            "artifact-outside-bucket",
            "the artefact does not lie in this environment's artefact bucket",
            f"Upload it below s3://{bucket}/ and use that address.",
        )
    return artifact_uri.removeprefix(f"s3://{bucket}/")


def names_match(request: Request, content: Content) -> Rejection | None:
    """A manifest speaks of one model and one version: those that are asked for."""
    if (content.model_id, content.version) == (request.model_id, request.version):
        return None
    return Rejection(
        "manifest-names-another-model",
        f"the manifest names {content.model_id} {content.version}, asked for is {request.model_id} {request.version}",
        "Write a manifest for this model and version, or ask for the one that it names.",
    )


def files_match(content: Content, present: Mapping[str, int]) -> Rejection | None:
    """Every listed file is there, with the size that is listed. `present` is path → size in bytes."""
    missing = [path for path, _, _ in content.files if path not in present]
    if missing:
        return Rejection(
            "file-missing", f"{len(missing)} of {len(content.files)} files are missing, first {missing[0]}", "Upload it and retry."
        )
    for path, size, _ in content.files:
        if present[path] != size:
            return Rejection(
                "file-size-mismatch", f"{path} has {present[path]} bytes, the manifest says {size}", "Upload the file again and retry."
            )
    return None


def immutable(before: Version | None, request: Request) -> Rejection | None:
    """A version that was validated means the same bytes for ever."""
    if before is None or before.status != "validated" or before.request.manifest_sha256 == request.manifest_sha256:
        return None
    return Rejection(
        "version-immutable",
        f"version {request.version} was published with another manifest",
        "Publish the new content under a new version number.",
    )


def is_settled(before: Version | None, request: Request) -> bool:
    """Whether the very same content was validated before: then that still holds, wherever it is asked from."""
    return before is not None and before.status == "validated" and before.request.manifest_sha256 == request.manifest_sha256


def first(rejections: Sequence[Rejection | None]) -> Rejection | None:
    """The first reason to refuse, if any."""
    return next((rejection for rejection in rejections if rejection is not None), None)
