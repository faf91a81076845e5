"""AWS's Price List: on-demand prices of a region's GPU instances, and of Fargate. It answers in a few regions for all of a partition."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from serving.domain.instances import Fargate

ANSWERING: Mapping[str, str] = {"aws": "us-east-1"}
"""Partition → the region that answers, in US dollars. Elsewhere there is no Price List, or one in another currency."""
_LINUX_ON_DEMAND = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",  # without it, reservations that cost nothing come along
    "instanceFamily": "GPU instance",
}
_CPU, _MEMORY = "Fargate-vCPU-Hours:perCPU", "Fargate-GB-Hours"


def gpu_prices(pricing: Any, region: str) -> dict[str, float]:
    """Instance type → USD an hour, Linux, on demand. boto3's errors pass."""
    found: dict[str, float] = {}
    for product in _products(pricing, "AmazonEC2", {"regionCode": region, **_LINUX_ON_DEMAND}):
        name, price = product["product"]["attributes"].get("instanceType"), _hourly(product)
        if name and price:
            found[name] = max(price, found.get(name, 0.0))
    return found


def fargate_prices(pricing: Any, region: str) -> Fargate | None:
    """Of Linux on x86_64; None where the list does not name both."""
    found: dict[str, float] = {}
    for product in _products(pricing, "AmazonECS", {"regionCode": region}):
        usage = str(product["product"]["attributes"].get("usagetype", ""))
        for ending in (_CPU, _MEMORY):
            # `EU-Fargate-GB-Hours`; those of ARM, Windows and Spot bear their word between or behind.
            if usage.endswith(ending) and not any(word in usage for word in ("ARM", "Windows", "Spot", "Ephemeral")):
                found[ending] = _hourly(product) or 0.0
    return Fargate(found[_CPU], found[_MEMORY]) if found.get(_CPU) and found.get(_MEMORY) else None


def _products(pricing: Any, service: str, attributes: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in attributes.items()]
    for page in pricing.get_paginator("get_products").paginate(ServiceCode=service, FormatVersion="aws_v1", Filters=filters):
        yield from (json.loads(text) for text in page["PriceList"])


def _hourly(product: Mapping[str, Any]) -> float | None:
    """The one on-demand price by the hour; None where there is none."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            if str(dimension.get("unit", "")).lower() in {"hrs", "hours", "vcpu-hours", "gb-hours"}:
                return float(dimension["pricePerUnit"].get("USD", 0.0)) or None
    return None
