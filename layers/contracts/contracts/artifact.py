"""The artefact's manifest: which files make up a model version, and the SHA-256 of each.

`manifest.json` lies at the artefact's prefix. Its own digest, taken over its exact bytes, names the version's content.
"""

import hashlib
import re
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

MANIFEST_FILE: Final = "manifest.json"
CHAT_TEMPLATE_FILE: Final = "chat_template.jinja"
MAX_MANIFEST_BYTES: Final = 1024 * 1024
ALLOWED_SUFFIXES: Final = (".gguf", ".safetensors", ".json", ".txt", ".model", ".jinja", ".tiktoken")
"""Data only: pickles (.bin, .pt, .pkl) and code (.py) run when they are read."""

_SEGMENT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+=@-]*")
_SEMVER: Final = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]{1,64})?(\+[0-9A-Za-z.-]{1,64})?$"
_MAX_DEPTH: Final = 8

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ArtifactFormat = Literal["gguf", "safetensors"]


class ManifestError(ValueError):
    """The bytes are no valid manifest; the message says what is wrong and where."""


class ManifestFile(BaseModel):
    """One file: its path below the artefact's prefix, its size in bytes, its SHA-256 in lower-case hex."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    path: str = Field(min_length=1, max_length=512)
    size_bytes: int = Field(ge=0, le=5 * 1024**4)
    sha256: Sha256

    @field_validator("path")
    @classmethod
    def _stays_inside_and_is_data(cls, path: str) -> str:
        segments = path.split("/")
        if len(segments) > _MAX_DEPTH or not all(_SEGMENT.fullmatch(segment) for segment in segments):
            msg = "must be a plain relative path: letters, digits and ._+=@- in each part, no part empty or starting with a dot"
            raise ValueError(msg)
        if not path.endswith(ALLOWED_SUFFIXES):
            msg = f"must end in one of {' '.join(ALLOWED_SUFFIXES)}"
            raise ValueError(msg)
        if path == MANIFEST_FILE:
            msg = "the manifest does not list itself"
            raise ValueError(msg)
        return path


class Manifest(BaseModel):
    """The files of one model version. Sizes in bytes; digests in lower-case hex; files in any order, each once."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)

    schema_: Literal["slipway.manifest/1"] = Field(alias="schema")
    model_id: str = Field(pattern=r"^[a-z][a-z0-9-]{1,62}$")
    version: str = Field(pattern=_SEMVER, max_length=128)
    format: ArtifactFormat
    license: str = Field(min_length=1, max_length=128)
    files: tuple[ManifestFile, ...] = Field(min_length=1, max_length=4096, strict=False)

    @model_validator(mode="after")
    def _files_fit_together(self) -> Self:
        paths = [file.path.casefold() for file in self.files]
        seen = set(paths)
        if len(seen) != len(paths):
            twice = next(path for path in paths if paths.count(path) > 1)
            msg = f"files: {twice} is listed twice"
            raise ValueError(msg)
        parents = {"/".join(path.split("/")[:depth]) for path in paths for depth in range(1, path.count("/") + 1)}
        if clash := parents & seen:
            msg = f"files: {min(clash)} is both a file and a folder"
            raise ValueError(msg)
        if not any(file.path.endswith(f".{self.format}") for file in self.files):
            msg = f"files: none ends in .{self.format}, the format's own"
            raise ValueError(msg)
        return self

    @property
    def total_bytes(self) -> int:
        """Sum of the files' sizes."""
        return sum(file.size_bytes for file in self.files)

    def file(self, path: str) -> ManifestFile | None:
        """Return the entry of this path, None where the artefact has no such file."""
        return next((file for file in self.files if file.path == path), None)


def manifest_digest(content: bytes) -> str:
    """SHA-256 of the manifest's exact bytes, in lower-case hex."""
    return hashlib.sha256(content).hexdigest()


def parse_manifest(content: bytes, *, expected_sha256: str | None = None) -> Manifest:
    """Read a manifest's bytes, first comparing them with the digest where one is given.

    Raises ManifestError: too large, another digest, not JSON, or against the rules; the message names the field.
    """
    if len(content) > MAX_MANIFEST_BYTES:
        msg = f"{MANIFEST_FILE} is larger than {MAX_MANIFEST_BYTES} bytes"
        raise ManifestError(msg)
    if expected_sha256 is not None and (found := manifest_digest(content)) != expected_sha256:
        msg = f"{MANIFEST_FILE} has the SHA-256 {found}, expected {expected_sha256}"
        raise ManifestError(msg)
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise ManifestError(_first_problem(error)) from error


def dump_manifest(manifest: Manifest) -> bytes:
    """Write a manifest in the one canonical form that our own tools publish: sorted keys, two spaces, final newline."""
    import json

    return (json.dumps(manifest.model_dump(mode="json", by_alias=True), indent=2, sort_keys=True) + "\n").encode()


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
