"""AWS: a stream mapping retries a failed batch a finite number of times, can bisect it, honours partial batch responses, and then tells its
on-failure destination; the records behind go on.
"""

import json
from typing import Any

from tests.emulator.conformance.cloud import Cloud, eventually

SINK = """
import boto3, os
sqs = boto3.client("sqs")
def handler(event, context):
    numbers = [record["dynamodb"]["NewImage"]["pk"]["S"] for record in event["Records"]]
    sqs.send_message(QueueUrl={url!r}, MessageBody=",".join(numbers))
    bad = [record for record in event["Records"] if record["dynamodb"]["NewImage"]["pk"]["S"].startswith("bad")]
    {action}
"""
RAISE = "if bad: raise ValueError('bad record')"
REPORT = 'return {"batchItemFailures": [{"itemIdentifier": each["dynamodb"]["SequenceNumber"]} for each in bad[:1]]}'
ALLOWED = [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]


def stream(cloud: Cloud, action: str, keys: list[str], **options: Any) -> tuple[str, str, Any]:
    """Write keys, then map the stream from its start; the URLs of the calls' and the failures' queues, and a way to write."""
    dynamodb, table = cloud.client("dynamodb"), cloud.name("table")
    description = dynamodb.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]  # fmt: skip
    for key in keys:
        dynamodb.put_item(TableName=table, Item={"pk": {"S": key}})
    calls, _ = cloud.queue()
    failures, failures_arn = cloud.queue()
    streams = [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}]
    function = cloud.function(SINK.replace("{url!r}", repr(calls)).replace("{action}", action), statements=ALLOWED + streams)
    cloud.client("lambda").create_event_source_mapping(
        EventSourceArn=description["LatestStreamArn"], FunctionName=function, StartingPosition="TRIM_HORIZON", BatchSize=10,
        DestinationConfig={"OnFailure": {"Destination": failures_arn}}, **options,
    )  # fmt: skip
    return calls, failures, lambda key: dynamodb.put_item(TableName=table, Item={"pk": {"S": key}})


def bodies(messages: list[dict[str, Any]]) -> list[str]:
    """The messages' bodies."""
    return [message["Body"] for message in messages]


def test_retries_are_finite_and_then_reported(cloud: Cloud) -> None:
    """On AWS MaximumRetryAttempts 1 means two invocations, then a record of the batch at the destination, and the stream goes on."""
    calls, failures, put = stream(cloud, RAISE, ["bad"], MaximumRetryAttempts=1)
    report = json.loads(cloud.received(failures)[0]["Body"])
    assert report["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert report["DDBStreamBatchInfo"]["batchSize"] == 1
    put("good")
    assert sorted(bodies(cloud.received(calls, 3))) == ["bad", "bad", "good"]


def test_bisecting_isolates_the_bad_record(cloud: Cloud) -> None:
    """On AWS a failing batch is split until only the bad record fails."""
    calls, failures, _ = stream(cloud, RAISE, ["a", "b", "bad", "d"], MaximumRetryAttempts=0, BisectBatchOnFunctionError=True)
    assert json.loads(cloud.received(failures)[0]["Body"])["DDBStreamBatchInfo"]["batchSize"] == 1
    assert sorted(bodies(cloud.received(calls, 5))) == ["a,b", "a,b,bad,d", "bad", "bad,d", "d"]


def test_a_partial_batch_starts_again_at_the_failed_record(cloud: Cloud) -> None:
    """On AWS the records before the reported one are done, it and those after it are delivered again."""
    options = {"MaximumRetryAttempts": 1, "FunctionResponseTypes": ["ReportBatchItemFailures"]}
    calls, failures, _ = stream(cloud, REPORT, ["a", "bad", "c"], **options)
    assert len(cloud.received(failures)) == 1
    assert sorted(bodies(cloud.received(calls, 2))) == ["a,bad,c", "bad,c"]


def test_filters_keep_records_from_the_function(cloud: Cloud) -> None:
    """On AWS FilterCriteria drop records before the function is invoked."""
    pattern = json.dumps({"dynamodb": {"NewImage": {"pk": {"S": [{"prefix": "keep"}]}}}})
    calls, _, put = stream(cloud, RAISE, ["drop-1"], FilterCriteria={"Filters": [{"Pattern": pattern}]})
    put("keep-2")
    assert bodies(cloud.received(calls)) == ["keep-2"]


def test_a_slow_function_does_not_hold_up_another_mapping(cloud: Cloud) -> None:
    """On AWS mappings are independent of one another."""
    stream(cloud, "import time; time.sleep(8)", ["slow"])
    calls, _, _ = stream(cloud, RAISE, ["quick"])
    assert eventually(lambda: bodies(cloud.received(calls))) == ["quick"]


def test_what_every_mapping_has_read_is_let_go_and_nothing_else(cloud: Cloud) -> None:
    """AWS keeps a day's records whoever has read them; here the last 200 behind the slowest reader, for a small laptop."""
    only_late = {"Filters": [{"Pattern": json.dumps({"dynamodb": {"NewImage": {"pk": {"S": ["late"]}}}})}]}
    calls, _, put = stream(cloud, RAISE, ["first"], FilterCriteria=only_late)
    dynamodb, streams = cloud.client("dynamodb"), cloud.client("dynamodbstreams")
    mappings = cloud.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    (arn,) = [mapping["EventSourceArn"] for mapping in mappings if mapping.get("FilterCriteria") == only_late]
    table = arn.split("/")[1]
    for page in range(40):
        requests = [{"PutRequest": {"Item": {"pk": {"S": f"{page}-{number}"}}}} for number in range(25)]
        assert not dynamodb.batch_write_item(RequestItems={table: requests})["UnprocessedItems"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]

    def kept() -> list[str]:
        iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        records = streams.get_records(ShardIterator=iterator, Limit=1000)["Records"]
        return [record["dynamodb"]["Keys"]["pk"]["S"] for record in records]

    eventually(lambda: len(kept()) <= 200)
    assert kept()[-1] == "39-24"
    put("late")
    assert bodies(cloud.received(calls)) == ["late"]
