"""What the registry needs of the world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kit.envelope import Cause
from kit.row import Row
from registry.domain.version import Content, Rejection, Request, Version


class ArtifactRefused(Exception):
    """The artefact itself is not acceptable; trying again cannot help. `rejection` says why."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.code)
        self.rejection = rejection


class Artifacts(Protocol):
    """The artefact bucket, and no other."""

    @property
    def bucket(self) -> str:
        """Its name."""
        ...

    def content(self, prefix: str, manifest_sha256: str) -> Content:
        """What the manifest below `prefix` says; `ArtifactRefused` if it is absent or not acceptable, `Transient` if S3 does not answer."""
        ...

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """The files below `prefix`: path → size in bytes. `ArtifactRefused` if they are too many, `Transient` if S3 does not answer."""
        ...


@dataclass(frozen=True)
class Verdict:
    """What is answered to one request: the version as it is now, whether it is written down anew, or only why it was refused."""

    request: Request
    version: Version | None
    is_new: bool
    rejection: Rejection | None


@dataclass(frozen=True)
class Audience:
    """Who may see a model, as its newest request said."""

    allowed_groups: tuple[str, ...]
    told_by: str
    """The id of the event that said so."""


class Snapshot(Protocol):
    """What the registry knew of one model at one revision."""

    @property
    def version(self) -> Version | None:
        """The version asked about, if it was written down before."""
        ...

    @property
    def is_answered(self) -> bool:
        """Whether the event asked about was answered before."""
        ...

    @property
    def audience(self) -> Audience | None:
        """Who may see the model; None if no request for it was ever heard."""
        ...


class VersionTable(Protocol):
    """The versions of all models."""

    def read(self, model_id: str, version: str, event_id: str) -> Snapshot:
        """What is known, strongly consistent."""
        ...

    def commit(self, snapshot: Snapshot, verdict: Verdict, audience: Audience, cause: Cause) -> None:
        """Write the verdict and record its events, if nothing changed since the snapshot; `Contended` otherwise."""
        ...

    def audience(self, model_id: str) -> Audience | None:
        """Who may see the model."""
        ...

    def version(self, model_id: str, version: str) -> Version | None:
        """One version, or None."""
        ...

    def page(self, model_id: str, after: str | None, limit: int) -> tuple[Sequence[Version], str | None]:
        """At most `limit` versions in the order of their texts, behind `after`; and the one to go on behind, None at the end."""
        ...


class Announcer(Protocol):
    """Tells the bus what was recorded."""

    def announce(self, row: Row) -> None:
        """Publish one ledger row's event."""
        ...

    def announce_forgotten(self) -> int:
        """Publish what was recorded over a minute ago and never announced; answers how many."""
        ...
