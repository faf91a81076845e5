"""AWS's words about instances, as boto3 clients answer them: enough of four services to be asked what a region offers."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

GPUS = {"g6.xlarge": ("L4", 22_888, 1, 4, 16), "g6e.xlarge": ("L40S", 45_776, 1, 4, 32), "g9.xlarge": ("L9", 98_304, 1, 8, 64)}
"""Instance type → accelerator, MiB of each, how many, vCPUs, GiB of memory."""


class Recorded:
    """A client whose operations answer from a table, and that remembers what it was asked. An answer may be an error's code."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers, self.asked = dict(answers), list[tuple[str, dict[str, Any]]]()

    def __getattr__(self, operation: str) -> Any:
        if operation.startswith("_") or operation not in self.answers:
            raise AttributeError(operation)
        return lambda **parameters: self._answer(operation, parameters)

    def get_paginator(self, operation: str) -> "Recorded._Pages":
        """One that yields the answer's pages."""
        return Recorded._Pages(self, operation)

    def _answer(self, operation: str, parameters: dict[str, Any]) -> Any:
        self.asked.append((operation, parameters))
        answer = self.answers[operation]
        if isinstance(answer, str):
            raise ClientError({"Error": {"Code": answer, "Message": "no"}}, operation)
        return answer(parameters) if callable(answer) else answer

    class _Pages:
        def __init__(self, client: "Recorded", operation: str) -> None:
            self._client, self._operation = client, operation

        def paginate(self, **parameters: Any) -> Iterator[Any]:
            """Every page."""
            answer = self._client._answer(self._operation, parameters)
            yield from answer if isinstance(answer, list) else [answer]


def described(name: str) -> dict[str, Any]:
    """A type as DescribeInstanceTypes tells it."""
    if name not in GPUS:
        sizes = {"VCpuInfo": {"DefaultVCpus": 2}, "MemoryInfo": {"SizeInMiB": 8192}}
        return {"InstanceType": name, "BareMetal": False, "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]}, **sizes}
    accelerator, mib, count, vcpus, gib = GPUS[name]
    gpu = {"Name": accelerator, "Manufacturer": "NVIDIA", "Count": count, "MemoryInfo": {"SizeInMiB": mib}}
    return {
        "InstanceType": name,
        "BareMetal": False,
        "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
        "VCpuInfo": {"DefaultVCpus": vcpus},
        "MemoryInfo": {"SizeInMiB": gib * 1024},
        "GpuInfo": {"Gpus": [gpu]},
    }


def ec2(names: list[str], **answers: Any) -> Recorded:
    """EC2 of a region that has these types, and some others as every region does."""
    offered = [{"InstanceType": name} for name in (*names, *(f"m9.size{number}" for number in range(40)))]
    usual = {
        "describe_instance_type_offerings": [{"InstanceTypeOfferings": offered[:5]}, {"InstanceTypeOfferings": offered[5:]}],
        "describe_instance_types": lambda asked: {"InstanceTypes": [described(name) for name in asked.get("InstanceTypes", names)]},
    }
    return Recorded(usual | answers)


def quotas(limit: float, **answers: Any) -> Recorded:
    """Service Quotas with that limit on each."""
    metric = {"MetricNamespace": "AWS/Usage", "MetricName": "ResourceCount", "MetricDimensions": {"Class": "G/OnDemand"}}
    return Recorded({"get_service_quota": {"Quota": {"Value": limit, "UsageMetric": metric}}} | answers)


def metrics(*used: float, **answers: Any) -> Recorded:
    """CloudWatch with these values, oldest first."""
    points = [{"Timestamp": datetime(2026, 1, 1, 0, 5 * place, tzinfo=UTC), "Maximum": value} for place, value in enumerate(used)]
    return Recorded({"get_metric_statistics": {"Datapoints": points[::-1]}} | answers)


def product(attributes: Mapping[str, str], usd: str, unit: str = "Hrs") -> str:
    """One product of the Price List, as JSON text."""
    dimension = {"unit": unit, "pricePerUnit": {"USD": usd}}
    return json.dumps({"product": {"attributes": attributes}, "terms": {"OnDemand": {"t": {"priceDimensions": {"d": dimension}}}}})


def pricing(prices: Mapping[str, str], fargate: tuple[str, str] | None = ("0.05", "0.005")) -> Recorded:
    """The Price List with these prices of types, and of Fargate's vCPUs and GiB."""
    instances = [product({"instanceType": name}, usd) for name, usd in prices.items()]
    hours = fargate or ("0", "0")
    tasks = [
        product({"usagetype": "EU-Fargate-vCPU-Hours:perCPU"}, hours[0], "vCPU-Hours"),
        product({"usagetype": "EU-Fargate-GB-Hours"}, hours[1], "GB-Hours"),
        product({"usagetype": "EU-Fargate-ARM-vCPU-Hours:perCPU"}, "0.01", "vCPU-Hours"),
        product({"usagetype": "EU-Fargate-ARM-GB-Hours"}, "0.001", "GB-Hours"),
    ]
    by_service = {"AmazonEC2": instances, "AmazonECS": tasks}
    return Recorded({"get_products": lambda asked: [{"PriceList": by_service[asked["ServiceCode"]]}]})
