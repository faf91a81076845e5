"""What the management API takes and answers: artifact. Generated from its OpenAPI document by `make contracts`: do not edit."""

from typing import TypedDict


class ManifestFile(TypedDict):
    """One file: its path below the artefact's prefix, its size in bytes, its SHA-256 in lower-case hex."""

    path: str
    size_bytes: int
    sha256: str
