"""AWS keeps what has happened for a time; here the last of it is kept, by number, and what runs is never forgotten."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.conformance.cloud import Cloud, eventually

CHOOSES = {
    "StartAt": "C",
    "States": {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.waits", "BooleanEquals": True, "Next": "W"}], "Default": "P"},
        "W": {"Type": "Wait", "Seconds": 600, "End": True},
        "P": {"Type": "Pass", "End": True},
    },
}


def test_ended_executions_are_forgotten_and_running_ones_are_not(cloud: Cloud) -> None:
    """Of 110 that ended the first are gone; one that began before them runs on; the last can be read."""
    states = cloud.client("stepfunctions")
    machine = states.create_state_machine(name=cloud.name("m"), definition=json.dumps(CHOOSES), roleArn=cloud.role("states.amazonaws.com"))[
        "stateMachineArn"
    ]

    def start(**given: bool) -> str:
        return str(states.start_execution(stateMachineArn=machine, input=json.dumps({"waits": False} | given))["executionArn"])

    def status(execution: str) -> str:
        return str(states.describe_execution(executionArn=execution)["status"])

    long, first = start(waits=True), start()
    assert eventually(lambda: status(first), lambda found: found != "RUNNING") == "SUCCEEDED"
    rest = [start() for _ in range(110)]
    eventually(lambda: status(rest[-1]), lambda found: found != "RUNNING")
    start()
    with pytest.raises(ClientError, match="ExecutionDoesNotExist"):
        status(first)
    assert status(rest[-1]) == "SUCCEEDED"
    assert status(long) == "RUNNING"
    states.stop_execution(executionArn=long)


def test_an_archive_keeps_the_last_events(cloud: Cloud) -> None:
    """Of 2100 events the archive counts those that it has, and replays the last."""
    events, (url, arn) = cloud.client("events"), cloud.queue()
    name = cloud.name("bus")
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    began = datetime.now(UTC) - timedelta(minutes=1)
    archive = events.create_archive(ArchiveName=name, EventSourceArn=bus)["ArchiveArn"]
    for batch in range(210):
        entries = [{"EventBusName": name, "Source": "t", "DetailType": "n", "Detail": json.dumps({"n": 10 * batch + n})} for n in range(10)]
        assert events.put_events(Entries=entries)["FailedEntryCount"] == 0
    assert 1000 <= events.describe_archive(ArchiveName=name)["EventCount"] < 2000
    events.put_rule(Name=name, EventBusName=name, EventPattern=json.dumps({"detail": {"n": [2099]}}))
    events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "q", "Arn": arn}])
    ended = datetime.now(UTC) + timedelta(minutes=1)
    events.start_replay(ReplayName=name, EventSourceArn=archive, EventStartTime=began, EventEndTime=ended, Destination={"Arn": bus})
    assert json.loads(cloud.received(url)[0]["Body"])["detail"] == {"n": 2099}


def test_a_metric_keeps_its_last_points(cloud: Cloud) -> None:
    """Of 1200 points at least 500 are there, and the last of them is."""
    cloudwatch, namespace = cloud.client("cloudwatch"), cloud.name("Ns")
    for number in range(1200):
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "m", "Value": float(number)}])
    now = datetime.now(UTC)
    found: list[dict[str, Any]] = cloudwatch.get_metric_statistics(
        Namespace=namespace, MetricName="m", StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=1), Period=86400,
        Statistics=["SampleCount", "Maximum"],
    )["Datapoints"]  # fmt: skip
    assert sum(point["Maximum"] == 1199.0 for point in found) == 1
    assert 500 <= sum(point["SampleCount"] for point in found) <= 1000


def test_a_token_is_of_one_transaction(cloud: Cloud) -> None:
    """The same request with the same token is answered again and done once; another with that token is refused."""
    dynamodb, table = cloud.client("dynamodb"), cloud.name("table")
    dynamodb.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
    )  # fmt: skip

    def add(number: int, token: str) -> None:
        change = {"TableName": table, "Key": {"k": {"S": "a"}}, "UpdateExpression": "ADD n :n"}
        values = {":n": {"N": str(number)}}
        dynamodb.transact_write_items(ClientRequestToken=token, TransactItems=[{"Update": change | {"ExpressionAttributeValues": values}}])

    add(1, "one")
    add(1, "one")
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        add(2, "one")
    add(2, "two")
    assert dynamodb.get_item(TableName=table, Key={"k": {"S": "a"}})["Item"]["n"] == {"N": "3"}
