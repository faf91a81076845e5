"""Puts routing together: settings, adapters, use cases. Each public function makes one use case, once per process.

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
    from kit.ledger import Announcer
    from routing.adapters.table import DynamoRouteTable
    from routing.usecases.announce_route_changes import AnnounceRouteChanges
    from routing.usecases.on_capacity_changed import OnCapacityChanged
    from routing.usecases.on_model_deleted import OnModelDeleted
    from routing.usecases.on_model_deletion_requested import OnModelDeletionRequested
    from routing.usecases.on_model_failed import OnModelFailed
    from routing.usecases.on_model_requested import OnModelRequested
    from routing.usecases.on_model_stop_requested import OnModelStopRequested
    from routing.usecases.on_model_updated import OnModelUpdated
    from routing.usecases.on_route_health_observed import OnRouteHealthObserved
    from routing.usecases.sweep_routes import SweepRoutes


CONTEXT = "routing"


@dataclass(frozen=True)
class RouteSettings(Settings):
    """Of the functions that change routes."""

    environment: str
    route_table: str


@dataclass(frozen=True)
class AnnounceSettings(Settings):
    """Of the functions that tell the bus."""

    route_table: str
    bus_name: str


@cache
def on_model_requested() -> OnModelRequested:
    """Reacts to `ModelRequested`."""
    from kit.patience import Patience
    from routing.usecases.on_model_requested import OnModelRequested

    return OnModelRequested(_routes(), Patience())


@cache
def on_model_updated() -> OnModelUpdated:
    """Reacts to `ModelUpdated`."""
    from kit.patience import Patience
    from routing.usecases.on_model_updated import OnModelUpdated

    return OnModelUpdated(_routes(), Patience())


@cache
def on_model_stop_requested() -> OnModelStopRequested:
    """Reacts to `ModelStopRequested`."""
    from kit.patience import Patience
    from routing.usecases.on_model_stop_requested import OnModelStopRequested

    return OnModelStopRequested(_routes(), Patience())


@cache
def on_capacity_changed() -> OnCapacityChanged:
    """Reacts to `CapacityChanged`."""
    from kit.patience import Patience
    from routing.usecases.on_capacity_changed import OnCapacityChanged

    return OnCapacityChanged(_routes(), Patience())


@cache
def on_route_health_observed() -> OnRouteHealthObserved:
    """Reacts to `RouteHealthObserved`."""
    from kit.patience import Patience
    from routing.usecases.on_route_health_observed import OnRouteHealthObserved

    return OnRouteHealthObserved(_routes(), Patience())


@cache
def on_model_deletion_requested() -> OnModelDeletionRequested:
    """Reacts to `ModelDeletionRequested`."""
    from kit.patience import Patience
    from routing.usecases.on_model_deletion_requested import OnModelDeletionRequested

    return OnModelDeletionRequested(_routes(), Patience())


@cache
def on_model_failed() -> OnModelFailed:
    """Reacts to `ModelFailed`."""
    from kit.patience import Patience
    from routing.usecases.on_model_failed import OnModelFailed

    return OnModelFailed(_routes(), Patience())


@cache
def on_model_deleted() -> OnModelDeleted:
    """Reacts to `ModelDeleted`."""
    from kit.patience import Patience
    from routing.usecases.on_model_deleted import OnModelDeleted

    return OnModelDeleted(_routes(), Patience())


@cache
def announce_route_changes() -> AnnounceRouteChanges:
    """Follows the table's stream."""
    from routing.usecases.announce_route_changes import AnnounceRouteChanges

    return AnnounceRouteChanges(_announcer())


@cache
def sweep_routes() -> SweepRoutes:
    """Runs on a schedule."""
    from routing.usecases.sweep_routes import SweepRoutes

    return SweepRoutes(_announcer())


def _routes() -> DynamoRouteTable:
    from kit.envelope import Wrapper
    from kit.ids import Ids
    from routing.adapters.table import DynamoRouteTable

    settings = RouteSettings.from_env()
    clock = SystemClock()
    wrapper = Wrapper(CONTEXT, settings.environment, clock, Ids(clock))
    return DynamoRouteTable(Table(client("dynamodb"), settings.route_table), wrapper, clock)


def _announcer() -> Announcer:
    from kit.bus import Bus
    from kit.ledger import Announcer

    settings = AnnounceSettings.from_env()
    return Announcer(Table(client("dynamodb"), settings.route_table), Bus(client("events"), settings.bus_name), SystemClock())
