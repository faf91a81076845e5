"""AWS now and then throttles, fails, is slow, or does the work and loses the reply; SDKs retry. Here rules make it happen on demand."""

import urllib.error

import pytest
from botocore.exceptions import ClientError

from tests.emulator.conformance.cloud import Cloud
from tests.emulator.conformance.test_rule_targets import faults


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
