"""Puts the registry together: settings, adapters, use cases. Each public function makes one use case, once per process.

Imports stand inside the functions, so that none loads what only the others need.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from kit.aws import client
from kit.clock import SystemClock
from kit.settings import Settings
from kit.table import Table

if TYPE_CHECKING:
    from kit.ledger import Announcer
    from registry.adapters.table import DynamoVersionTable
    from registry.usecases.announce_version_changes import AnnounceVersionChanges
    from registry.usecases.examination import Examination
    from registry.usecases.list_versions import ListVersions
    from registry.usecases.on_model_requested import OnModelRequested
    from registry.usecases.on_model_updated import OnModelUpdated
    from registry.usecases.read_version import ReadVersion
    from registry.usecases.sweep_versions import SweepVersions

CONTEXT = "registry"
_CLOCK = SystemClock()


@dataclass(frozen=True)
class VersionSettings(Settings):
    """Of the functions that read and write versions."""

    environment: str
    version_table: str


@dataclass(frozen=True)
class ArtifactSettings(Settings):
    """Of the function that reads artefacts: the one bucket, and the account that must own it."""

    artifact_bucket: str
    artifact_bucket_owner: str


@dataclass(frozen=True)
class AnnounceSettings(Settings):
    """Of the functions that tell the bus."""

    version_table: str
    bus_name: str


@cache
def on_model_requested() -> OnModelRequested:
    """Reacts to `ModelRequested`."""
    from registry.usecases.on_model_requested import OnModelRequested

    return _examining(OnModelRequested)


@cache
def on_model_updated() -> OnModelUpdated:
    """Reacts to `ModelUpdated`."""
    from registry.usecases.on_model_updated import OnModelUpdated

    return _examining(OnModelUpdated)


@cache
def list_versions() -> ListVersions:
    """`GET /models/{model_id}/versions`."""
    from registry.usecases.list_versions import ListVersions

    return ListVersions(_versions())


@cache
def read_version() -> ReadVersion:
    """`GET /models/{model_id}/versions/{version}`."""
    from registry.usecases.read_version import ReadVersion

    return ReadVersion(_versions())


@cache
def announce_version_changes() -> AnnounceVersionChanges:
    """Follows the table's stream."""
    from registry.usecases.announce_version_changes import AnnounceVersionChanges

    return AnnounceVersionChanges(_announcer())


@cache
def sweep_versions() -> SweepVersions:
    """Runs on a schedule."""
    from registry.usecases.sweep_versions import SweepVersions

    return SweepVersions(_announcer())


_Examining = TypeVar("_Examining", bound="Examination")


def _examining(kind: type[_Examining]) -> _Examining:
    from kit.patience import Patience
    from registry.adapters.artifacts import S3Artifacts

    settings = ArtifactSettings.from_env()
    return kind(_versions(), S3Artifacts(client("s3"), settings.artifact_bucket, settings.artifact_bucket_owner), Patience())


def _versions() -> DynamoVersionTable:
    from kit.envelope import Wrapper
    from kit.ids import Ids
    from registry.adapters.table import DynamoVersionTable

    settings = VersionSettings.from_env()
    wrapper = Wrapper(CONTEXT, settings.environment, _CLOCK, Ids(_CLOCK))
    return DynamoVersionTable(Table(client("dynamodb"), settings.version_table), wrapper, _CLOCK)


def _announcer() -> Announcer:
    from kit.bus import Bus
    from kit.ledger import Announcer

    settings = AnnounceSettings.from_env()
    return Announcer(Table(client("dynamodb"), settings.version_table), Bus(client("events"), settings.bus_name), _CLOCK)
