"""Puts usage together: settings, adapters, use cases. Each public function makes one use case, once per process.

Imports stand inside the functions, so that none loads what only the others need.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from kit.aws import client
from kit.clock import SystemClock
from kit.settings import Settings
from kit.table import Table

if TYPE_CHECKING:
    from usage.adapters.rollups import RollupTable
    from usage.adapters.table import AuditTable
    from usage.usecases.on_capacity_changed import OnCapacityChanged
    from usage.usecases.on_fact_announced import OnFactAnnounced
    from usage.usecases.on_usage_reported import OnUsageReported
    from usage.usecases.read_audit import ReadAudit
    from usage.usecases.read_usage import ReadUsage

_CLOCK = SystemClock()


@dataclass(frozen=True)
class AuditSettings(Settings):
    """Of both functions. Only the one that writes needs to know for how long."""

    audit_table: str
    audit_retention_days: int = 0


@dataclass(frozen=True)
class ReportingSettings(Settings):
    """Of the function that tells what was used."""

    bus_name: str
    environment: str


@cache
def on_fact_announced() -> OnFactAnnounced:
    """Reacts to every fact that a ledger holds."""
    from usage.usecases.on_fact_announced import OnFactAnnounced

    return OnFactAnnounced(_audit())


@cache
def read_audit() -> ReadAudit:
    """`GET /audit`."""
    from usage.usecases.read_audit import ReadAudit

    return ReadAudit(_audit(), _CLOCK)


@cache
def on_usage_reported() -> OnUsageReported:
    """Adds up what routers send."""
    from kit.bus import Bus
    from kit.patience import Patience
    from usage.usecases.on_usage_reported import OnUsageReported

    settings = ReportingSettings.from_env()
    return OnUsageReported(_rollups(), Bus(client("events"), settings.bus_name), settings.environment, Patience())


@cache
def on_capacity_changed() -> OnCapacityChanged:
    """Reckons how long copies run."""
    from kit.patience import Patience
    from usage.adapters.price_files import PriceFiles
    from usage.usecases.on_capacity_changed import OnCapacityChanged

    return OnCapacityChanged(_rollups(), PriceFiles(), Patience())


@cache
def read_usage() -> ReadUsage:
    """`GET /usage`."""
    from usage.adapters.price_files import PriceFiles
    from usage.usecases.read_usage import ReadUsage

    return ReadUsage(_rollups(), PriceFiles(), _CLOCK)


def _rollups() -> RollupTable:
    from usage.adapters.rollups import RollupTable

    settings = AuditSettings.from_env()
    return RollupTable(Table(client("dynamodb"), settings.audit_table), _CLOCK, settings.audit_retention_days)


def _audit() -> AuditTable:
    from usage.adapters.table import AuditTable

    settings = AuditSettings.from_env()
    return AuditTable(Table(client("dynamodb"), settings.audit_table), _CLOCK, settings.audit_retention_days)
