"""What people (and the platform in their place) ask to be done. Each function makes one use case, once per process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from kit.ids import Ids
from serving.wiring import adapters, parts

if TYPE_CHECKING:
    from serving.usecases.add_model_user import AddModelUser
    from serving.usecases.cancel_operation import CancelOperation
    from serving.usecases.create_model import CreateModel
    from serving.usecases.delete_model import DeleteModel
    from serving.usecases.plan_model import PlanModel
    from serving.usecases.remove_model_user import RemoveModelUser
    from serving.usecases.remove_schedule import RemoveSchedule
    from serving.usecases.retry_model import RetryModel
    from serving.usecases.set_schedule import SetSchedule
    from serving.usecases.start_model import StartModel
    from serving.usecases.stop_model import StopModel
    from serving.usecases.update_model import UpdateModel


@cache
def create_model() -> CreateModel:
    """`POST /models`."""
    from serving.usecases.create_model import CreateModel

    return CreateModel(adapters.store(), parts.checks(), adapters.CLOCK, Ids(adapters.CLOCK))


@cache
def delete_model() -> DeleteModel:
    """`DELETE /models/{model_id}`."""
    from serving.usecases.delete_model import DeleteModel

    return DeleteModel(adapters.store(), parts.commanding())


@cache
def update_model() -> UpdateModel:
    """`PATCH /models/{model_id}`."""
    from serving.usecases.update_model import UpdateModel

    return UpdateModel(parts.commanding(), parts.checks(), adapters.instances(), adapters.traffics())


@cache
def start_model() -> StartModel:
    """`POST /models/{model_id}/start`."""
    from serving.usecases.start_model import StartModel

    return StartModel(parts.commanding())


@cache
def stop_model() -> StopModel:
    """`POST /models/{model_id}/stop`."""
    from serving.usecases.stop_model import StopModel

    return StopModel(parts.commanding())


@cache
def retry_model() -> RetryModel:
    """`POST /models/{model_id}/retry`."""
    from serving.usecases.retry_model import RetryModel

    return RetryModel(parts.commanding())


@cache
def plan_model() -> PlanModel:
    """`POST /models/plan`, and any command with `?dry_run=true`."""
    from serving.usecases.plan_model import PlanModel
    from serving.usecases.update_model import UpdateModel

    instances, checks = adapters.instances(), parts.shape_checks()
    updating = UpdateModel(parts.commanding(), checks, instances, adapters.traffics())
    return PlanModel(adapters.store(), parts.commanding(), updating, checks, adapters.artifacts(), instances)


@cache
def plan_from_list() -> PlanModel:
    """`?dry_run=true` of commands that ask for no other copies: by the list that comes with the package; nothing of AWS is asked."""
    from serving.adapters.headroom import NoFiles
    from serving.usecases.plan_model import PlanModel

    checks, instances = parts.shape_checks(), adapters.listed_instances()
    return PlanModel(adapters.store(), parts.commanding(), parts.rescheduling(), checks, NoFiles(), instances)


@cache
def add_model_user() -> AddModelUser:
    """`PUT /models/{model_id}/users/{kind}/{user_id}`."""
    from serving.usecases.add_model_user import AddModelUser

    return AddModelUser(adapters.store(), adapters.CLOCK)


@cache
def remove_model_user() -> RemoveModelUser:
    """`DELETE /models/{model_id}/users/{kind}/{user_id}`."""
    from serving.usecases.remove_model_user import RemoveModelUser

    return RemoveModelUser(adapters.store())


@cache
def cancel_operation() -> CancelOperation:
    """`POST /operations/{operation_id}/cancel`."""
    from serving.usecases.cancel_operation import CancelOperation

    return CancelOperation(adapters.store(), parts.resumption(), adapters.CLOCK, Ids(adapters.CLOCK))


@cache
def set_schedule() -> SetSchedule:
    """`PUT /models/{model_id}/schedule`."""
    from serving.usecases.set_schedule import SetSchedule

    return SetSchedule(parts.rescheduling())


@cache
def remove_schedule() -> RemoveSchedule:
    """`DELETE /models/{model_id}/schedule`."""
    from serving.usecases.remove_schedule import RemoveSchedule

    return RemoveSchedule(adapters.store(), parts.rescheduling())
