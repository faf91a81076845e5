"""The dated list of instance types that comes with this package: what is known where no API answers. `scripts/instances.py` renews it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from serving.domain.instances import Fargate, InstanceType, usable_gib

PATH = Path(__file__).resolve().parent.parent / "catalogue" / "instances.json"


@dataclass(frozen=True)
class Snapshot:
    """Types and prices of a day, the prices of one region."""

    as_of: str
    price_region: str
    fargate: Fargate
    fargate_source: str
    types: tuple[InstanceType, ...]


@cache
def snapshot(path: Path = PATH) -> Snapshot:
    """The list as it was shipped."""
    document = json.loads(path.read_text(encoding="utf-8"))
    fargate = document["fargate"]
    return Snapshot(
        as_of=document["as_of"],
        price_region=document["price_region"],
        fargate=Fargate(fargate["vcpu_hour"], fargate["gib_hour"]),
        fargate_source=fargate["source"],
        types=tuple(InstanceType(**item) for item in document["types"]),
    )


def written(found: Snapshot, sources: Mapping[str, str]) -> str:
    """The file's text: one type a line, so that a renewal reads as a list of changes."""
    head = {
        "as_of": found.as_of,
        "price_region": found.price_region,
        "sources": dict(sources),
        "fargate": {**asdict(found.fargate), "source": found.fargate_source},
    }
    lines = ",\n".join(f"    {json.dumps(asdict(one))}" for one in found.types)
    return f'{json.dumps(head, indent=2)[:-2]},\n  "types": [\n{lines}\n  ]\n}}\n'


def gpu_types(described: Iterable[Mapping[str, Any]]) -> list[InstanceType]:
    """Types with whole NVIDIA GPUs among what EC2's DescribeInstanceTypes tells, smallest first within a family."""
    found = [one for item in described if (one := _gpu_type(item))]
    return sorted(found, key=lambda one: (one.family, one.accelerators, one.vcpus, one.instance_type))


def _gpu_type(item: Mapping[str, Any]) -> InstanceType | None:
    """None for one without NVIDIA GPUs, with a share of one only, or without a hypervisor (ECS buys none of those)."""
    gpus: list[Any] = (item.get("GpuInfo") or {}).get("Gpus") or []
    if len(gpus) != 1 or gpus[0].get("Manufacturer") != "NVIDIA" or not gpus[0].get("Count") or item.get("BareMetal"):
        return None
    gpu = gpus[0]
    memory = round(gpu["MemoryInfo"]["SizeInMiB"] / 1024, 2)
    return InstanceType(
        instance_type=item["InstanceType"],
        accelerator=gpu["Name"],
        accelerators=int(gpu["Count"]),
        memory_gib=memory,
        usable_gib=usable_gib(gpu["Name"], memory),
        vcpus=int(item["VCpuInfo"]["DefaultVCpus"]),
        ram_gib=round(item["MemoryInfo"]["SizeInMiB"] / 1024, 2),
        architecture=item["ProcessorInfo"]["SupportedArchitectures"][0],
    )
