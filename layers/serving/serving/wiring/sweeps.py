"""What runs on a schedule. Each function makes one use case, once per process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from serving.wiring import adapters, commands, parts, reactions, steps

if TYPE_CHECKING:
    from serving.usecases.sweep_models import SweepModels


@cache
def sweep_models() -> SweepModels:
    """Runs on a schedule."""
    from serving.adapters.gauges import MetricGauges
    from serving.usecases.on_engine_task_changed import OnEngineTaskChanged
    from serving.usecases.repair_schedules import RepairSchedules
    from serving.usecases.sweep_models import SweepModels
    from serving.usecases.taking_stock import TakeStock
    from serving.usecases.tending import TendCapacity

    store, control, clock, stop = adapters.store(), adapters.control(), adapters.CLOCK, commands.stop_model()
    resumption, waking = parts.resumption(control), reactions.waking()
    observer = OnEngineTaskChanged(store, parts.learner(control), stop)
    tender = TendCapacity(store, adapters.traffics(), control, parts.counting(control), waking, stop, clock)
    schedules = RepairSchedules(adapters.agendas(), adapters.alarms(), reactions.scheduling(), clock)
    stock = TakeStock(adapters.list_prices(), MetricGauges(), clock)
    ending = steps.fail_model(), steps.roll_back_update()
    reach = adapters.announcer(), adapters.machines(), control
    return SweepModels(store, *reach, resumption, observer, *ending, tender, schedules, stock, clock)
