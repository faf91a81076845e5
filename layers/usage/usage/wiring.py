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
    from usage.adapters.table import AuditTable
    from usage.usecases.on_fact_announced import OnFactAnnounced
    from usage.usecases.read_audit import ReadAudit

_CLOCK = SystemClock()


@dataclass(frozen=True)
class AuditSettings(Settings):
    """Of both functions. Only the one that writes needs to know for how long."""

    audit_table: str
    audit_retention_days: int = 0


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


def _audit() -> AuditTable:
    from usage.adapters.table import AuditTable

    settings = AuditSettings.from_env()
    return AuditTable(Table(client("dynamodb"), settings.audit_table), _CLOCK, settings.audit_retention_days)
