"""What follows from events, streams and alarms. Each function makes one use case, once per process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from serving.wiring import adapters, commands, parts

if TYPE_CHECKING:
    from serving.usecases.announce_model_changes import AnnounceModelChanges
    from serving.usecases.apply_schedule import ApplySchedule
    from serving.usecases.arm_schedule import ArmSchedule
    from serving.usecases.on_engine_host_interrupted import OnEngineHostInterrupted
    from serving.usecases.on_engine_service_changed import OnEngineServiceChanged
    from serving.usecases.on_engine_task_changed import OnEngineTaskChanged
    from serving.usecases.on_load_observed import OnLoadObserved
    from serving.usecases.on_model_deletion_requested import OnModelDeletionRequested
    from serving.usecases.on_model_requested import OnModelRequested
    from serving.usecases.on_model_stop_requested import OnModelStopRequested
    from serving.usecases.on_model_stopped import OnModelStopped
    from serving.usecases.on_model_updated import OnModelUpdated
    from serving.usecases.on_model_version_rejected import OnModelVersionRejected
    from serving.usecases.on_model_version_validated import OnModelVersionValidated
    from serving.usecases.on_model_wake_requested import OnModelWakeRequested
    from serving.usecases.on_route_changed import OnRouteChanged
    from serving.usecases.on_route_health_observed import OnRouteHealthObserved
    from serving.usecases.scheduling import Scheduling
    from serving.usecases.waking import Waking


@cache
def announce_model_changes() -> AnnounceModelChanges:
    """Follows the table's stream."""
    from serving.usecases.announce_model_changes import AnnounceModelChanges

    return AnnounceModelChanges(adapters.announcer())


@cache
def on_model_requested() -> OnModelRequested:
    """Reacts to `ModelRequested`."""
    from serving.usecases.on_model_requested import OnModelRequested

    return OnModelRequested(adapters.store(), adapters.machines())


@cache
def on_model_updated() -> OnModelUpdated:
    """Reacts to `ModelUpdated`."""
    from serving.usecases.on_model_updated import OnModelUpdated

    return OnModelUpdated(adapters.store(), adapters.machines())


@cache
def on_model_stop_requested() -> OnModelStopRequested:
    """Reacts to `ModelStopRequested`."""
    from serving.usecases.on_model_stop_requested import OnModelStopRequested

    return OnModelStopRequested(adapters.store(), adapters.machines())


@cache
def on_model_deletion_requested() -> OnModelDeletionRequested:
    """Reacts to `ModelDeletionRequested`."""
    from serving.usecases.on_model_deletion_requested import OnModelDeletionRequested

    return OnModelDeletionRequested(adapters.store(), adapters.machines())


@cache
def arm_schedule() -> ArmSchedule:
    """Reacts to whatever may change what a schedule does next."""
    from serving.usecases.arm_schedule import ArmSchedule

    return ArmSchedule(scheduling())


@cache
def apply_schedule() -> ApplySchedule:
    """Called by a model's alarm."""
    from serving.usecases.apply_schedule import ApplySchedule

    return ApplySchedule(scheduling())


@cache
def on_engine_service_changed() -> OnEngineServiceChanged:
    """Reacts to what ECS tells of whole services."""
    from serving.usecases.on_engine_service_changed import OnEngineServiceChanged

    services = adapters.services()
    return OnEngineServiceChanged(adapters.store(), parts.learner(services), services, adapters.CLOCK)


@cache
def on_engine_host_interrupted() -> OnEngineHostInterrupted:
    """Reacts to what EC2 tells of instances."""
    from serving.usecases.on_engine_host_interrupted import OnEngineHostInterrupted

    return OnEngineHostInterrupted(adapters.store(), parts.learner(), adapters.services())


@cache
def on_engine_task_changed() -> OnEngineTaskChanged:
    """Reacts to ECS's own events."""
    from serving.usecases.on_engine_task_changed import OnEngineTaskChanged

    return OnEngineTaskChanged(adapters.store(), parts.learner(adapters.control()), commands.stop_model())


@cache
def on_model_version_validated() -> OnModelVersionValidated:
    """Reacts to `ModelVersionValidated`."""
    from serving.usecases.on_model_version_validated import OnModelVersionValidated

    return OnModelVersionValidated(parts.learner())


@cache
def on_model_version_rejected() -> OnModelVersionRejected:
    """Reacts to `ModelVersionRejected`."""
    from serving.usecases.on_model_version_rejected import OnModelVersionRejected

    return OnModelVersionRejected(parts.learner())


@cache
def on_route_changed() -> OnRouteChanged:
    """Reacts to `RouteChanged`."""
    from serving.usecases.on_route_changed import OnRouteChanged

    return OnRouteChanged(parts.learner())


@cache
def on_route_health_observed() -> OnRouteHealthObserved:
    """Reacts to `RouteHealthObserved`."""
    from serving.usecases.on_route_health_observed import OnRouteHealthObserved
    from serving.usecases.replacing import Replacing

    return OnRouteHealthObserved(parts.learner(), Replacing(adapters.store(), adapters.control(), adapters.CLOCK))


@cache
def on_load_observed() -> OnLoadObserved:
    """Reacts to `LoadObserved`."""
    from serving.usecases.on_load_observed import OnLoadObserved

    return OnLoadObserved(parts.counting(adapters.control()))


@cache
def on_model_wake_requested() -> OnModelWakeRequested:
    """Reacts to `ModelWakeRequested`."""
    from serving.usecases.on_model_wake_requested import OnModelWakeRequested

    return OnModelWakeRequested(waking())


@cache
def on_model_stopped() -> OnModelStopped:
    """Reacts to `ModelStopped`."""
    from serving.usecases.on_model_stopped import OnModelStopped

    return OnModelStopped(waking())


def waking() -> Waking:
    """Starts models that sleep."""
    from serving.usecases.waking import Waking

    return Waking(adapters.store(), adapters.traffics(), commands.start_model(), adapters.CLOCK)


def scheduling() -> Scheduling:
    """Brings models to what their schedules want."""
    from serving.usecases.scheduling import Scheduling

    starting, stopping = commands.start_model(), commands.stop_model()
    return Scheduling(adapters.store(), adapters.agendas(), adapters.alarms(), parts.commanding(), starting, stopping, adapters.CLOCK)
