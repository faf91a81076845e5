"""AWS: a queue's numbers are metrics, and an alarm looks at those of the queue that it names."""

from tests.emulator.conformance.cloud import Cloud, eventually


def watched(cloud: Cloud) -> tuple[str, str]:
    """A queue and the alarm that rings when it holds a message: the queue's URL and the alarm's name."""
    url, arn = cloud.queue()
    alarm = cloud.name("alarm")
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=alarm, Namespace="AWS/SQS", MetricName="ApproximateNumberOfMessagesVisible", Statistic="Maximum", Period=300,
        Dimensions=[{"Name": "QueueName", "Value": arn.rsplit(":", 1)[-1]}], EvaluationPeriods=1, Threshold=0,
        ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching",
    )  # fmt: skip
    return url, alarm


def test_an_alarm_rings_for_its_own_queue(cloud: Cloud) -> None:
    """On AWS a message that lies in a queue rings its alarm and no other's."""
    (url, alarm), (_, silent) = watched(cloud), watched(cloud)

    def states() -> dict[str, str]:
        found = cloud.client("cloudwatch").describe_alarms(AlarmNames=[alarm, silent])["MetricAlarms"]
        return {each["AlarmName"]: each["StateValue"] for each in found}

    assert eventually(states, lambda found: found == {alarm: "OK", silent: "OK"}) == {alarm: "OK", silent: "OK"}
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="given up")
    assert eventually(states, lambda found: found[alarm] == "ALARM") == {alarm: "ALARM", silent: "OK"}
