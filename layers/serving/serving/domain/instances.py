"""Instance types with GPUs: what they hold, what they cost, whether the region has them, and how much of the quota is left."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import ceil
from typing import Any

HOURS_A_MONTH = 730
GPU_CPU_UNITS, GPU_MEMORY_MIB = 3072, 12_288
"""Per GPU, what a task reserves beside it; an instance must have that left."""
TASK_CPU_UNITS, TASK_MEMORY_MIB = 2048, 8192
"""Of a task without GPU."""
_QUOTAS = {"g": "L-DB2E81BA", "v": "L-DB2E81BA", "p": "L-417A185B"}
QUOTAS = ("L-DB2E81BA", "L-417A185B", "L-3819A6DF")
"""vCPUs on demand of G and VT instances, on demand of P instances, and of G and VT as Spot."""
_USABLE = {"T4": 14.56, "A10G": 21.98, "L4": 22.03, "L40S": 44.4, "H100": 79.1, "H200": 139.8}
_USABLE_A100 = ((50.0, 79.14), (0.0, 39.38))  # the same name for cards of 40 and of 80 GB
_USABLE_SHARE = 0.97


@dataclass(frozen=True)
class InstanceType:
    """One type. `memory_gib` is what EC2 says of each accelerator, `usable_gib` what frameworks find free on an empty one.

    `usd_per_hour` is on demand with Linux in the offer's price region; None = not known, as `price_source` says.
    """

    instance_type: str
    accelerator: str
    accelerators: int
    memory_gib: float
    usable_gib: float
    vcpus: int
    ram_gib: float
    architecture: str = "x86_64"
    usd_per_hour: float | None = None
    price_source: str = ""

    @property
    def family(self) -> str:
        """`g6e` of `g6e.xlarge`."""
        return self.instance_type.partition(".")[0]

    @property
    def quota_code(self) -> str:
        """The on-demand quota that its vCPUs count against."""
        return _QUOTAS.get(self.instance_type[0], "")

    def tasks(self, gpus: int) -> int:
        """How many tasks of that many GPUs it takes at a time."""
        by_memory = int(self.ram_gib * 1024) // (GPU_MEMORY_MIB * gpus)
        return min(self.accelerators // gpus, self.vcpus * 1024 // (GPU_CPU_UNITS * gpus), by_memory)


@dataclass(frozen=True)
class Quota:
    """vCPUs that the account may run, and runs; None = not known."""

    code: str
    limit: float | None
    used: float | None

    @property
    def left(self) -> float | None:
        """vCPUs left."""
        return None if self.limit is None or self.used is None else max(0.0, self.limit - self.used)


@dataclass(frozen=True)
class Fargate:
    """USD an hour for a vCPU and a GiB of memory, x86_64."""

    vcpu_hour: float
    gib_hour: float


@dataclass(frozen=True)
class Offer:
    """What a region offers. `source`: `live`, or `snapshot` where the API was not to be had; `as_of` is then the snapshot's date.

    `offered` None = not known. `allowed` are patterns of types that this environment buys (empty = all); `capacity` where its GPUs run
    (`ManagedInstances`, `AutoScalingGroup`, `None`), at most `most_instances` of them in a group.
    """

    region: str
    source: str
    as_of: str
    price_region: str
    price_source: str
    price_as_of: str
    fargate: Fargate
    types: tuple[InstanceType, ...] = ()
    offered: frozenset[str] | None = None
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()
    capacity: str = "ManagedInstances"
    most_instances: int | None = None

    def find(self, instance_type: str) -> InstanceType | None:
        """The type of that name."""
        return next((one for one in self.types if one.instance_type == instance_type), None)

    def has(self, instance_type: str) -> bool | None:
        """Whether the region has it; None = not known."""
        return None if self.offered is None else instance_type in self.offered

    def buys(self, instance_type: str) -> bool:
        """Whether this environment's capacity provider may choose it."""
        return not self.allowed or any(fnmatchcase(instance_type, pattern) for pattern in self.allowed)

    def left(self, kind: InstanceType) -> int | None:
        """How many more instances of the type the quota admits; None = not known."""
        quota = self.quotas.get(kind.quota_code)
        return None if quota is None or quota.left is None else int(quota.left // kind.vcpus)


def usable_gib(accelerator: str, memory_gib: float) -> float:
    """What frameworks find free of an empty accelerator: as they report it, or 97 % of what EC2 says where nobody has told."""
    if accelerator == "A100":
        return next(usable for least, usable in _USABLE_A100 if memory_gib >= least)
    return _USABLE.get(accelerator) or round(memory_gib * _USABLE_SHARE, 2)


def gpus_of(spec: Mapping[str, Any]) -> int:
    """GPUs of one task of a model; 0 where a third party serves."""
    return int(spec["accelerator"]["gpus"]) if "accelerator" in spec else 0


def candidates(spec: Mapping[str, Any], offer: Offer) -> list[InstanceType]:
    """Types that could run a task of the model, cheapest first; those whose price is not known come last."""
    wanted, gpus = spec["accelerator"], gpus_of(spec)
    if not gpus:
        return []
    found = [
        one
        for one in offer.types
        if one.tasks(gpus)
        and offer.buys(one.instance_type)
        and offer.has(one.instance_type) is not False
        and (not wanted["instance_types"] or one.instance_type in wanted["instance_types"])
        and one.memory_gib >= (wanted["gpu_memory_gib"] or 0)
    ]
    return by_price(found)


def by_price(types: Iterable[InstanceType]) -> list[InstanceType]:
    """Cheapest first, unknown prices last."""
    return sorted(types, key=lambda one: (one.usd_per_hour is None, one.usd_per_hour or 0.0, one.instance_type))


def instances_for(tasks: int, gpus: int, kind: InstanceType) -> int:
    """Instances that so many tasks fill."""
    return ceil(tasks / kind.tasks(gpus))


def surge(spec: Mapping[str, Any], offer: Offer) -> tuple[bool, str]:
    """Whether a second set of a model's tasks has room beside the first, and why, in a sentence."""
    if "capacity" not in spec:
        return True, "a third party serves this model: nothing is started"
    tasks = max(1, int(spec["capacity"]["desired"]))
    if not gpus_of(spec):
        return True, f"{tasks} task(s) more run on Fargate beside the present ones until these have drained"
    return room(spec, offer, more=tasks, beside=tasks)


def room(spec: Mapping[str, Any], offer: Offer, *, more: int, beside: int) -> tuple[bool, str]:
    """Whether so many more of a model's GPU tasks have room beside those that run, and why. What cannot be read is let pass."""
    gpus = gpus_of(spec)
    if offer.capacity == "None":
        return False, "this environment has no GPU capacity"
    found = candidates(spec, offer)
    if not found:
        return False, f"no instance type that this environment buys in {offer.region} has {gpus} GPU(s) as asked for"
    if offer.most_instances is not None and min(instances_for(more + beside, gpus, one) for one in found) > offer.most_instances:
        return False, f"the Auto Scaling group takes at most {offer.most_instances} instance(s), too few for {more + beside} task(s)"
    for one in found:
        needed, left = instances_for(more, gpus, one), offer.left(one)
        if left is not None and left >= needed:
            return True, f"{needed} more {one.instance_type} and the quota {one.quota_code} has room for {left}"
    known = [one for one in found if offer.left(one) is not None]
    if len(known) < len(found):
        return True, "the quota cannot be read; the new copies are tried, and the present ones serve meanwhile"
    first = known[0]
    return False, (
        f"{instances_for(more, gpus, first)} more {first.instance_type} are needed and the quota {first.quota_code} "
        f"has room for {offer.left(first)}"
    )
