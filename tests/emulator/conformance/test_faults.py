"""AWS now and then throttles, fails, is slow, or does the work and loses the reply; SDKs retry. Here rules make it happen on demand."""

import json
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from tests.emulator.conformance.cloud import Cloud
from tests.emulator.conformance.tasks import service
from tests.emulator.conformance.test_rule_targets import faults, rule


def test_a_throttled_call_is_retried_by_the_sdk(cloud: Cloud) -> None:
    """On AWS a throttled call carries the service's throttling error, and the SDK tries again."""
    table = cloud.name("absent")
    faults(cloud, [{"action": "dynamodb:DescribeTable", "body": table, "code": "ThrottlingException", "times": 2}])
    with pytest.raises(ClientError, match="ResourceNotFoundException") as raised:
        cloud.client("dynamodb").describe_table(TableName=table)
    assert raised.value.response["ResponseMetadata"]["RetryAttempts"] == 2


def test_a_rule_that_lasts_reaches_the_caller(cloud: Cloud) -> None:
    """On AWS the SDK gives up in the end and raises the service's error."""
    faults(cloud, [{"action": "events:PutEvents", "code": "InternalException", "status": 500}])
    try:
        with pytest.raises(ClientError, match="InternalException"):
            cloud.client("events").put_events(Entries=[{"Source": "x", "DetailType": "y", "Detail": "{}"}])
    finally:
        faults(cloud, [])


def test_a_lost_reply_leaves_the_work_done(cloud: Cloud) -> None:
    """On AWS a call whose reply is lost may have taken effect: the SDK's second try meets the first one's work."""
    bucket, s3 = cloud.name("bucket"), cloud.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": cloud.settings.region})
    faults(cloud, [{"action": "s3:PutObject", "when": "after", "times": 1}])
    answer = s3.put_object(Bucket=bucket, Key="k", Body=b"v")
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"v"


def test_a_malformed_rule_is_refused(cloud: Cloud) -> None:
    """An unknown field is an error, not a rule that never fires."""
    with pytest.raises(urllib.error.HTTPError, match="400"):
        faults(cloud, [{"nonsense": 1}])


def test_a_connection_that_breaks_is_tried_again(cloud: Cloud) -> None:
    """On AWS a connection may end in the middle of an answer: the SDK tries again, and nothing had happened."""
    table = cloud.name("absent")
    faults(cloud, [{"action": "dynamodb:DescribeTable", "body": table, "when": "reset", "times": 1}])
    with pytest.raises(ClientError, match="ResourceNotFoundException") as raised:
        cloud.client("dynamodb").describe_table(TableName=table)
    assert raised.value.response["ResponseMetadata"]["RetryAttempts"] == 1


def test_an_invocation_may_fail_after_its_work(cloud: Cloud) -> None:
    """On AWS an environment may die when the work is done and the answer is not yet given: asynchronous invocations are repeated."""
    url, _ = cloud.queue()
    code = f"import boto3\ndef handler(event, context):\n    boto3.client('sqs').send_message(QueueUrl='{url}', MessageBody='done')\n"
    function = cloud.function(code, statements=[{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}])
    faults(cloud, [{"action": "lambda:invoke", "caller": function, "when": "after", "times": 1}])
    _, put = rule(cloud, {"Arn": function})
    put()
    assert len(cloud.received(url, 2)) == 2


def test_a_task_without_a_place_is_placed_later(cloud: Cloud) -> None:
    """On AWS the scheduler announces SERVICE_TASK_PLACEMENT_FAILURE and goes on trying."""
    faults(cloud, [{"action": "ecs:placement", "code": "RESOURCE:MEMORY", "times": 1}])
    under = service(cloud)
    assert under.awaited(lastStatus="RUNNING")  # noqa: PGH005 - no mock
    acts = [event["detail"] for event in under.seen() if event["detail-type"] == "ECS Service Action"]
    under.ecs.update_service(cluster=under.cluster, service="svc", desiredCount=0)
    assert ("SERVICE_TASK_PLACEMENT_FAILURE", "RESOURCE:MEMORY") in [(act["eventName"], act.get("reason")) for act in acts]


def test_dice_hit_the_share_that_is_asked_for(cloud: Cloud) -> None:
    """A rate hits some and spares some, and what fired is counted by kind, action and role."""
    faults(cloud, [{"action": "sqs:ListQueues", "delay_seconds": 0.0, "rate": 0.5}])
    for _ in range(40):
        cloud.client("sqs").list_queues()
    request = urllib.request.urlopen(f"{cloud.settings.endpoint}/_slipway/faults")
    with request as answer:
        seen = json.load(answer)
    faults(cloud, [])
    (row,) = [row for row in seen["counts"] if row["action"] == "sqs:ListQueues"]
    assert row["kind"] == "latency"
    assert 5 < row["count"] < 35
