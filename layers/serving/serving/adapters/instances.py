"""What the region offers, from EC2, Service Quotas, CloudWatch and the Price List; from the shipped snapshot where one does not answer.

Answers are kept for a while in the process: the offer changes in weeks, a quota's use in minutes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from kit.clock import Clock, iso
from serving.adapters import price_list
from serving.adapters.catalogue import Snapshot, gpu_types
from serving.domain.cost import cost
from serving.domain.instances import QUOTAS, Fargate, InstanceType, Offer, Quota, surge

Found = TypeVar("Found")

_OFFER_KEPT, _PRICES_KEPT, _QUOTAS_KEPT, _FAILURE_KEPT = timedelta(hours=1), timedelta(hours=6), timedelta(minutes=1), timedelta(minutes=1)
_USAGE_WINDOW = timedelta(minutes=15)  # the metric comes every five minutes, and late
_GPU_FAMILIES = ("g", "p")
_PER_CALL = 100
_LEAST_OF_A_REGION = 20  # a real region has hundreds of types; fewer are an emulator's


@dataclass(frozen=True)
class Place:
    """Where this environment buys: patterns of types (empty = all), the kind of GPU capacity, the most instances of a group."""

    region: str
    allowed: tuple[str, ...] = ()
    capacity: str = "ManagedInstances"
    most_instances: int | None = None


@dataclass(frozen=True)
class Clients:
    """Makers of boto3 clients, each called when it is needed first: loading EC2's model alone takes longer than most requests.

    `pricing` is None where the partition has no Price List.
    """

    ec2: Callable[[], Any]
    quotas: Callable[[], Any]
    metrics: Callable[[], Any]
    pricing: Callable[[], Any] | None


class RegionInstances:
    """`ports.Instances` and `ports.Headroom`."""

    def __init__(self, clients: Clients, known: Snapshot, place: Place, clock: Clock) -> None:
        self._clients, self._known, self._place, self._clock = clients, known, place, clock
        self._kept: dict[str, tuple[datetime, Any]] = {}

    def offer(self, *, quotas: bool = True, prices: bool = True) -> Offer:
        """See `ports.Instances`."""
        present = self._keep("offer", _OFFER_KEPT, self._present)
        offered, types = present or (None, self._known.types)
        priced = self._keep("prices", _PRICES_KEPT, self._prices) if prices else None
        fargate = self._known.fargate
        if priced:
            types = tuple(_priced(one, priced[0], self._place.region) for one in types)
            fargate = priced[1] or fargate
        now = iso(self._clock.now())
        return Offer(
            region=self._place.region,
            source="live" if present else "snapshot",
            as_of=now if present else self._known.as_of,
            price_region=self._place.region if priced else self._known.price_region,
            price_source="live" if priced else "snapshot",
            price_as_of=now if priced else self._known.as_of,
            fargate=fargate,
            types=types,
            offered=offered,
            quotas=(self._keep("quotas", _QUOTAS_KEPT, self._quotas) or {}) if quotas else {},
            allowed=self._place.allowed,
            capacity=self._place.capacity,
            most_instances=self._place.most_instances if self._place.capacity == "AutoScalingGroup" else None,
        )

    def surge_fits(self, spec: Mapping[str, Any]) -> tuple[bool, str]:
        """See `ports.Headroom`."""
        needs_quota = bool(spec.get("accelerator", {}).get("gpus"))
        return surge(spec, self.offer(prices=False) if needs_quota else self.known())

    def hourly(self, spec: Mapping[str, Any], copies: int) -> float | None:
        """See `ports.Headroom`."""
        return cost(spec, self.offer(quotas=False), copies).desired

    def known(self) -> Offer:
        """See `ports.Instances`."""
        known = self._known
        day = known.as_of
        return Offer(self._place.region, "snapshot", day, known.price_region, "snapshot", day, known.fargate, known.types)

    def _present(self) -> tuple[frozenset[str], tuple[InstanceType, ...]] | None:
        pages = self._clients.ec2().get_paginator("describe_instance_type_offerings").paginate(LocationType="region")
        names = frozenset(item["InstanceType"] for page in pages for item in page["InstanceTypeOfferings"])
        if len(names) < _LEAST_OF_A_REGION:
            return None
        known = {one.instance_type for one in self._known.types}
        strange = sorted(name for name in names - known if name.startswith(_GPU_FAMILIES))
        return names, (*self._known.types, *self._described(strange))

    def _described(self, names: list[str]) -> list[InstanceType]:
        """Types that the snapshot does not know."""
        found: list[InstanceType] = []
        for start in range(0, len(names), _PER_CALL):
            answer = self._clients.ec2().describe_instance_types(InstanceTypes=names[start : start + _PER_CALL])
            found += gpu_types(answer["InstanceTypes"])
        return found

    def _prices(self) -> tuple[dict[str, float], Fargate | None] | None:
        if self._clients.pricing is None:
            return None
        pricing = self._clients.pricing()
        found = price_list.gpu_prices(pricing, self._place.region)
        return (found, price_list.fargate_prices(pricing, self._place.region)) if found else None

    def _quotas(self) -> dict[str, Quota]:
        return {code: self._quota(code) for code in QUOTAS}

    def _quota(self, code: str) -> Quota:
        found = self._clients.quotas().get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]
        return Quota(code, float(found["Value"]), self._used(found.get("UsageMetric") or {}))

    def _used(self, metric: Mapping[str, Any]) -> float | None:
        """The latest value of the metric that the quota itself names; 0 where nothing has been reported: nothing runs."""
        if "MetricName" not in metric:
            return None
        now = self._clock.now()
        answer = self._clients.metrics().get_metric_statistics(
            Namespace=metric["MetricNamespace"],
            MetricName=metric["MetricName"],
            Dimensions=[{"Name": name, "Value": value} for name, value in metric["MetricDimensions"].items()],
            StartTime=now - _USAGE_WINDOW,
            EndTime=now,
            Period=300,
            Statistics=["Maximum"],
        )
        points = sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])
        return float(points[-1]["Maximum"]) if points else 0.0

    def _keep(self, name: str, long: timedelta, ask: Callable[[], Found | None]) -> Found | None:
        """The answer, kept that long; None where AWS does not give one, which is kept for a minute."""
        from botocore.exceptions import BotoCoreError, ClientError

        now = self._clock.now()
        until, kept = self._kept.get(name, (now, None))
        if now < until:
            found: Found | None = kept
            return found
        try:
            found = ask()
        except (
            BotoCoreError,
            ClientError,
        ):  # not here (a laptop, an isolated region), not granted, or throttled: the snapshot knows enough
            found = None
        self._kept[name] = (now + (long if found is not None else _FAILURE_KEPT), found)
        return found


def _priced(one: InstanceType, prices: Mapping[str, float], region: str) -> InstanceType:
    price = prices.get(one.instance_type)
    said = f"AWS Price List, {region}" if price else f"not in the Price List of {region}"
    return replace(one, usd_per_hour=price, price_source=said)
