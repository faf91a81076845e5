"""The steps of the machines. Each function makes one use case, once per process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeVar

from serving.wiring import adapters, parts
from serving.wiring.settings import ModelSettings

if TYPE_CHECKING:
    from serving.usecases.apply_change import ApplyChange
    from serving.usecases.await_route_closed import AwaitRouteClosed
    from serving.usecases.await_validation import AwaitValidation
    from serving.usecases.erase_model import EraseModel
    from serving.usecases.fail_model import FailModel
    from serving.usecases.launch_engine import LaunchEngine
    from serving.usecases.open_provider_route import OpenProviderRoute
    from serving.usecases.prepare_model import PrepareModel
    from serving.usecases.prepare_update import PrepareUpdate
    from serving.usecases.roll_back_update import RollBackUpdate
    from serving.usecases.settle_model import SettleModel
    from serving.usecases.stop_engines import StopEngines
    from serving.usecases.waiting import WaitFor

_Waiting = TypeVar("_Waiting", bound="WaitFor")


@cache
def prepare_model() -> PrepareModel:
    """Step of `provision_model`."""
    from serving.usecases.prepare_model import PrepareModel

    return PrepareModel(adapters.store(), adapters.CLOCK)


@cache
def await_validation() -> AwaitValidation:
    """Step of `provision_model`."""
    from serving.usecases.await_validation import AwaitValidation

    return _waiting(AwaitValidation)


@cache
def launch_engine() -> LaunchEngine:
    """Step of `provision_model`."""
    from serving.usecases.launch_engine import LaunchEngine

    environment = ModelSettings.from_env().environment
    return LaunchEngine(adapters.store(), parts.resumption(), adapters.launcher(), adapters.CLOCK, environment)


@cache
def open_provider_route() -> OpenProviderRoute:
    """Step of `provision_model`."""
    from serving.usecases.open_provider_route import OpenProviderRoute

    return _waiting(OpenProviderRoute)


@cache
def settle_model() -> SettleModel:
    """Step of `provision_model`."""
    from serving.usecases.settle_model import SettleModel

    return SettleModel(adapters.store(), adapters.control(), adapters.CLOCK)


@cache
def fail_model() -> FailModel:
    """Step of both machines."""
    from serving.usecases.fail_model import FailModel

    return FailModel(adapters.store(), adapters.control(), adapters.CLOCK)


@cache
def prepare_update() -> PrepareUpdate:
    """Step of `update_model`."""
    from serving.usecases.prepare_update import PrepareUpdate

    return _waiting(PrepareUpdate)


@cache
def apply_change() -> ApplyChange:
    """Step of `update_model`."""
    from serving.usecases.apply_change import ApplyChange

    control = adapters.control()
    return ApplyChange(adapters.store(), parts.resumption(), control, adapters.CLOCK)


@cache
def roll_back_update() -> RollBackUpdate:
    """Step of `update_model`."""
    from serving.usecases.roll_back_update import RollBackUpdate

    return RollBackUpdate(adapters.store(), adapters.control(), fail_model(), adapters.CLOCK)


@cache
def await_route_closed() -> AwaitRouteClosed:
    """Step of `retire_model`."""
    from serving.usecases.await_route_closed import AwaitRouteClosed

    return _waiting(AwaitRouteClosed)


@cache
def stop_engines() -> StopEngines:
    """Step of `retire_model`."""
    from serving.usecases.stop_engines import StopEngines

    control = adapters.control()
    return StopEngines(adapters.store(), parts.resumption(control), control, adapters.CLOCK)


@cache
def erase_model() -> EraseModel:
    """Step of `retire_model`."""
    from serving.usecases.erase_model import EraseModel

    return EraseModel(adapters.store(), adapters.control(), adapters.agendas(), adapters.alarm_removal(), adapters.CLOCK)


def _waiting(step: type[_Waiting]) -> _Waiting:
    return step(adapters.store(), parts.resumption(), adapters.CLOCK)
