#!/usr/bin/env python3
"""Renews the list of GPU instance types that is shipped with serving, from EC2 and the Price List, with credentials of any account.

    python scripts/instances.py [--region us-east-1] [--check]

Types are what EC2 describes in that region; prices are on demand, Linux. `--check` writes nothing and exits 1 where something has changed.
A type that EC2 no longer describes leaves the list; one without a price keeps none, and says so.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:1] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "layers/kit", "layers/contracts", "layers/serving")]

from serving.adapters import catalogue, price_list
from serving.adapters.catalogue import Snapshot
from serving.domain.instances import InstanceType


def renewed(ec2: Any, pricing: Any, region: str, day: str, before: Snapshot) -> Snapshot:
    """The list as of that day. Fargate's prices stay as they were where the Price List does not name them. boto3's errors pass."""
    pages = ec2.get_paginator("describe_instance_types").paginate()
    types = catalogue.gpu_types(item for page in pages for item in page["InstanceTypes"])
    prices = price_list.gpu_prices(pricing, region)
    fargate = price_list.fargate_prices(pricing, region)
    return Snapshot(
        as_of=day,
        price_region=region,
        fargate=fargate or before.fargate,
        fargate_source=f"AWS Price List AmazonECS, {region}, {day}" if fargate else before.fargate_source,
        types=tuple(_priced(one, prices, region, day) for one in types),
    )


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    """One line for each type that came, went, or changed in size or price."""
    old, new = ({one.instance_type: one for one in side.types} for side in (before, after))
    lines = [f"+ {name}" for name in new if name not in old] + [f"- {name}" for name in old if name not in new]
    for name in new.keys() & old.keys():
        lines += [f"~ {name}: {was} -> {now}" for was, now in _figures(old[name], new[name]) if was != now]
    return sorted(lines, key=lambda line: line[2:])


def main(arguments: list[str], clients: Mapping[str, Any] | None = None, path: Path = catalogue.PATH) -> int:
    """0 where the list is written, or (`--check`) still right; 1 where it has changed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--region", default="us-east-1", help="whose types and prices (default us-east-1)")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 where something has changed")
    given = parser.parse_args(arguments)
    made = clients or _clients(given.region)
    before = catalogue.snapshot(path)
    after = renewed(made["ec2"], made["pricing"], given.region, datetime.now(UTC).date().isoformat(), before)
    changed = differences(before, after)
    print("\n".join(changed) or "nothing has changed")
    if given.check:
        return 1 if changed else 0
    path.write_text(catalogue.written(after, {"types": f"EC2 DescribeInstanceTypes, {given.region}", **_SOURCES}), encoding="utf-8")
    return 0


_SOURCES = {
    "usable_gib": "what frameworks report as free on an empty card; 97 % of what EC2 says where nobody has measured it",
    "prices": "each type says its own",
}


def _clients(region: str) -> dict[str, Any]:
    import boto3

    answering = price_list.ANSWERING[boto3.Session().get_partition_for_region(region)]
    return {"ec2": boto3.client("ec2", region_name=region), "pricing": boto3.client("pricing", region_name=answering)}


def _priced(one: InstanceType, prices: Mapping[str, float], region: str, day: str) -> InstanceType:
    price = prices.get(one.instance_type)
    source = f"AWS Price List, {region}, {day}" if price else f"no on-demand price in the Price List of {region} on {day}"
    return replace(one, usd_per_hour=price, price_source=source)


def _figures(old: InstanceType, new: InstanceType) -> list[tuple[Any, Any]]:
    names = ("accelerator", "accelerators", "memory_gib", "usable_gib", "vcpus", "ram_gib", "architecture", "usd_per_hour")
    return [(getattr(old, name), getattr(new, name)) for name in names]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
