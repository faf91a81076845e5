"""What people ask to be shown. Each function makes one use case, once per process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from serving.wiring import adapters

if TYPE_CHECKING:
    from serving.usecases.list_instances import ListInstances
    from serving.usecases.list_model_events import ListModelEvents
    from serving.usecases.list_model_users import ListModelUsers
    from serving.usecases.list_models import ListModels
    from serving.usecases.read_model import ReadModel
    from serving.usecases.read_operation import ReadOperation
    from serving.usecases.read_schedule import ReadSchedule


@cache
def list_models() -> ListModels:
    """`GET /models`."""
    from serving.usecases.list_models import ListModels

    return ListModels(adapters.store(), adapters.CLOCK)


@cache
def read_model() -> ReadModel:
    """`GET /models/{model_id}`."""
    from serving.usecases.read_model import ReadModel

    return ReadModel(adapters.store(), adapters.CLOCK)


@cache
def list_instances() -> ListInstances:
    """`GET /instances`."""
    from serving.usecases.list_instances import ListInstances

    return ListInstances(adapters.store(), adapters.artifacts(), adapters.instances())


@cache
def list_model_events() -> ListModelEvents:
    """`GET /models/{model_id}/events`."""
    from serving.usecases.list_model_events import ListModelEvents

    return ListModelEvents(adapters.store())


@cache
def read_operation() -> ReadOperation:
    """`GET /operations/{operation_id}`."""
    from serving.usecases.read_operation import ReadOperation

    return ReadOperation(adapters.store())


@cache
def read_schedule() -> ReadSchedule:
    """`GET /models/{model_id}/schedule`."""
    from serving.usecases.read_schedule import ReadSchedule

    return ReadSchedule(adapters.store(), adapters.agendas(), adapters.CLOCK)


@cache
def list_model_users() -> ListModelUsers:
    """`GET /models/{model_id}/users`."""
    from serving.usecases.list_model_users import ListModelUsers

    return ListModelUsers(adapters.store())
