"""AWS: a log line in the embedded metric format becomes CloudWatch metrics, one per metric and dimension set."""

import json
from datetime import UTC, datetime, timedelta

from tests.emulator.conformance.cloud import Cloud, eventually


def test_a_function_writes_a_metric_by_printing_it(cloud: Cloud) -> None:
    """On AWS the metric can be read as if it had been put."""
    namespace = cloud.name("Ns")
    directive = {"Namespace": namespace, "Dimensions": [["service"]], "Metrics": [{"Name": "ModelRequested", "Unit": "Count"}]}
    line = json.dumps({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, "service": "serving", "ModelRequested": [3.0]})
    cloud.invoke(cloud.function(f"def handler(event, context):\n    print({line!r})\n"))
    now, cloudwatch = datetime.now(UTC), cloud.client("cloudwatch")

    def total() -> float:
        found = cloudwatch.get_metric_statistics(
            Namespace=namespace, MetricName="ModelRequested", Dimensions=[{"Name": "service", "Value": "serving"}], Statistics=["Sum"],
            StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=1), Period=3600,
        )  # fmt: skip
        return float(sum(point["Sum"] for point in found["Datapoints"]))

    assert eventually(total) == 3.0
