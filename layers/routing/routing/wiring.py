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
    from kit.patience import Patience
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
    from routing.usecases.read_traffic import ReadTraffic
    from routing.usecases.set_traffic import SetTraffic
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
    from routing.usecases.on_model_requested import OnModelRequested

    return OnModelRequested(_routes(), _crowd())


@cache
def on_model_updated() -> OnModelUpdated:
    """Reacts to `ModelUpdated`."""
    from routing.usecases.on_model_updated import OnModelUpdated

    return OnModelUpdated(_routes(), _crowd())


@cache
def on_model_stop_requested() -> OnModelStopRequested:
    """Reacts to `ModelStopRequested`."""
    from routing.usecases.on_model_stop_requested import OnModelStopRequested

    return OnModelStopRequested(_routes(), _crowd())


@cache
def on_capacity_changed() -> OnCapacityChanged:
    """Reacts to `CapacityChanged`."""
    from routing.usecases.on_capacity_changed import OnCapacityChanged

    return OnCapacityChanged(_routes(), _crowd())


@cache
def on_route_health_observed() -> OnRouteHealthObserved:
    """Reacts to `RouteHealthObserved`."""
    from routing.usecases.on_route_health_observed import OnRouteHealthObserved

    return OnRouteHealthObserved(_routes(), _crowd())


@cache
def on_model_deletion_requested() -> OnModelDeletionRequested:
    """Reacts to `ModelDeletionRequested`."""
    from routing.usecases.on_model_deletion_requested import OnModelDeletionRequested

    return OnModelDeletionRequested(_routes(), _crowd())


@cache
def on_model_failed() -> OnModelFailed:
    """Reacts to `ModelFailed`."""
    from routing.usecases.on_model_failed import OnModelFailed

    return OnModelFailed(_routes(), _crowd())


@cache
def on_model_deleted() -> OnModelDeleted:
    """Reacts to `ModelDeleted`."""
    from routing.usecases.on_model_deleted import OnModelDeleted

    return OnModelDeleted(_routes(), _crowd())


@cache
def set_traffic() -> SetTraffic:
    """`PUT /models/{model_id}/traffic`."""
    from routing.usecases.set_traffic import SetTraffic

    return SetTraffic(_routes(), _crowd())


@cache
def read_traffic() -> ReadTraffic:
    """`GET /models/{model_id}/traffic`."""
    from routing.usecases.read_traffic import ReadTraffic

    return ReadTraffic(_routes())


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


def _crowd() -> Patience:
    """The whole table has one head, so that routers can follow it: where many models change at once, each writer waits for its turn.

    Longer than elsewhere, and well within the functions' 30 seconds; what even that does not serve is delivered again.
    """
    from kit.patience import Patience

    return Patience(tries=40, ceiling=0.8)


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
