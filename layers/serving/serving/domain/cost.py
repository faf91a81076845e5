"""What a model's copies cost an hour, at the prices of an offer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.domain.instances import (
    HOURS_A_MONTH,
    TASK_CPU_UNITS,
    TASK_MEMORY_MIB,
    InstanceType,
    Offer,
    candidates,
    gpus_of,
    instances_for,
)


@dataclass(frozen=True)
class Cost:
    """USD an hour with the fewest, the wanted and the most copies; None = the price is not known. `basis` says of what."""

    minimum: float | None
    desired: float | None
    maximum: float | None
    basis: str


NOTHING = Cost(0.0, 0.0, 0.0, "nothing runs")


def monthly(hourly: float | None) -> float | None:
    """The same for a month of 730 hours."""
    return None if hourly is None else round(hourly * HOURS_A_MONTH, 2)


def bought(spec: Mapping[str, Any], offer: Offer) -> InstanceType | None:
    """The type that a task of the model would be put on: the cheapest that holds it; None without GPU, or where there is none."""
    found = candidates(spec, offer)
    return found[0] if found else None


def cost(spec: Mapping[str, Any], offer: Offer, desired: int) -> Cost:
    """Of a model's wish with `desired` copies wanted."""
    if "capacity" not in spec:
        return Cost(0.0, 0.0, 0.0, "nothing of ours runs; the third party's own bill is not included")
    gpus, capacity = gpus_of(spec), spec["capacity"]
    counts = (int(capacity["min"]), desired, int(capacity["max"]))
    if not gpus:
        hour = TASK_CPU_UNITS / 1024 * offer.fargate.vcpu_hour + TASK_MEMORY_MIB / 1024 * offer.fargate.gib_hour
        basis = f"Fargate tasks of {TASK_CPU_UNITS // 1024} vCPU and {TASK_MEMORY_MIB // 1024} GiB, {hour:.5f} an hour each"
        return _of([round(count * hour, 5) for count in counts], basis)
    kind = bought(spec, offer)
    if kind is None:
        return Cost(None, None, None, "no instance type that is bought here fits")
    if kind.usd_per_hour is None:
        return Cost(None, None, None, f"{kind.instance_type}: price not known ({kind.price_source})")
    price = kind.usd_per_hour
    basis = f"{kind.instance_type} on demand, {price:g} an hour each, {kind.tasks(gpus)} task(s) on one"
    return _of([round(instances_for(count, gpus, kind) * price, 5) for count in counts], basis)


def _of(amounts: list[float], basis: str) -> Cost:
    fewest, wanted, most = amounts
    return Cost(fewest, wanted, most, basis)
