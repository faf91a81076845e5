"""AWS: a policy may narrow ECS calls to a cluster and PutEvents to a source by conditions."""

import json

import pytest

from tests.emulator.conformance.cloud import Cloud

CODE = """
import boto3
def handler(event, context):
    if "cluster" in event:
        return len(boto3.client("ecs").list_services(cluster=event["cluster"])["serviceArns"])
    entry = {"Source": event["source"], "DetailType": "x", "Detail": "{}"}
    return boto3.client("events").put_events(Entries=[entry])["FailedEntryCount"]
"""


def allowed(cloud: Cloud, action: str, condition: dict[str, str]) -> str:
    """A function that may do one thing under one condition."""
    operator = "ArnEquals" if "ecs:cluster" in condition else "StringEquals"
    return cloud.function(CODE, statements=[{"Effect": "Allow", "Action": action, "Resource": "*", "Condition": {operator: condition}}])


def test_a_cluster_condition_is_compared(cloud: Cloud) -> None:
    """On AWS `ecs:cluster` is the ARN of the cluster that the call names, by name or by ARN."""
    cluster = cloud.client("ecs").create_cluster(clusterName=cloud.name("cluster"))["cluster"]["clusterArn"]
    function = allowed(cloud, "ecs:ListServices", {"ecs:cluster": cluster})
    assert cloud.invoke(function, {"cluster": cluster}) == {"error": False, "body": 0}
    assert cloud.invoke(function, {"cluster": cluster.rsplit("/", 1)[-1]})["body"] == 0
    assert "AccessDenied" in cloud.invoke(function, {"cluster": "another"})["body"]["errorMessage"]


@pytest.mark.parametrize(("source", "error"), [("slipway.serving", False), ("slipway.access", True)])
def test_a_source_condition_is_compared(cloud: Cloud, source: str, *, error: bool) -> None:
    """On AWS `events:source` keeps a context from speaking for another."""
    function = allowed(cloud, "events:PutEvents", {"events:source": "slipway.serving"})
    assert cloud.invoke(function, {"source": source})["error"] is error


def test_plain_requests_on_this_machine_count_as_secure(cloud: Cloud) -> None:
    """On AWS every SDK speaks TLS, so a bucket that denies everything else is open to those who may."""
    bucket, s3 = cloud.name("bucket"), cloud.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": cloud.settings.region})
    s3.put_object(Bucket=bucket, Key="k", Body=b"v")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*"}
    policy = {"Version": "2012-10-17", "Statement": [deny | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    read = f"boto3.client('s3').get_object(Bucket={bucket!r}, Key='k')['ContentLength']"
    code = f"import boto3\ndef handler(event, context):\n    return {read}\n"
    function = cloud.function(code, statements=[{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}])
    assert cloud.invoke(function) == {"error": False, "body": 1}


def test_a_service_may_be_named_in_a_policy(cloud: Cloud) -> None:
    """On AWS DescribeServices is checked on `service/CLUSTER/NAME`."""
    cluster = cloud.client("ecs").create_cluster(clusterName=cloud.name("cluster"))["cluster"]["clusterName"]
    allowed_arn = f"arn:aws:ecs:{cloud.settings.region}:000000000000:service/{cluster}/ours-*"
    code = (
        "import boto3\ndef handler(event, context):\n"
        "    return len(boto3.client('ecs').describe_services(cluster=event['cluster'], services=[event['name']])['services'])\n"
    )
    function = cloud.function(code, statements=[{"Effect": "Allow", "Action": "ecs:DescribeServices", "Resource": allowed_arn}])
    assert cloud.invoke(function, {"cluster": cluster, "name": "ours-1"}) == {"error": False, "body": 0}
    assert "AccessDenied" in cloud.invoke(function, {"cluster": cluster, "name": "theirs"})["body"]["errorMessage"]
