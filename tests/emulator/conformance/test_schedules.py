"""AWS: a one-time schedule calls its target once, as its role, and is then gone; its policies name it by group and name."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.conformance.cloud import Cloud, eventually

TELL = """
import boto3, json
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=event["queue"], MessageBody=json.dumps(event))
"""
ACT = """
import boto3
def handler(event, context):
    scheduler = boto3.client("scheduler")
    try:
        getattr(scheduler, event["do"])(**event["with"])
        return "allowed"
    except Exception as error:
        return type(error).__name__
"""


def group(cloud: Cloud) -> tuple[str, str]:
    """Name and ARN of a new group."""
    name = cloud.name("group")
    arn: str = cloud.client("scheduler").create_schedule_group(Name=name)["ScheduleGroupArn"]
    return name, arn


def caller(cloud: Cloud, source: str, statements: list[dict[str, Any]]) -> str:
    """The ARN of a role that the scheduler may assume in the name of a group."""
    iam, name = cloud.client("iam"), cloud.name("role")
    condition = {"StringEquals": {"aws:SourceAccount": "000000000000", "aws:SourceArn": source}}
    trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole", "Condition": condition}
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    return arn


def once(name: str, in_group: str, target: dict[str, Any], *, seconds: int = 1) -> dict[str, Any]:
    """What makes a schedule that is due so many seconds from now."""
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    return {
        "Name": name,
        "GroupName": in_group,
        "ScheduleExpression": f"at({at:%Y-%m-%dT%H:%M:%S})",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": target,
    }


def teller(cloud: Cloud) -> tuple[str, str]:
    """A function that repeats what it is called with into a queue: its ARN, and the queue's address."""
    url, arn = cloud.queue()
    return cloud.function(TELL, statements=[{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}]), url


def test_a_one_time_schedule_calls_a_function_once_and_is_gone(cloud: Cloud) -> None:
    """On AWS the function gets the input as it was given; ActionAfterCompletion removes the schedule."""
    scheduler, (name, source) = cloud.client("scheduler"), group(cloud)
    function, url = teller(cloud)
    role = caller(cloud, source, [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function}])
    said = {"queue": url, "model_id": "m"}
    scheduler.create_schedule(**once("m", name, {"Arn": function, "RoleArn": role, "Input": json.dumps(said)}))
    assert [json.loads(message["Body"]) for message in cloud.received(url)] == [said]
    assert eventually(lambda: scheduler.list_schedules(GroupName=name)["Schedules"], lambda found: not found) == []


@pytest.mark.parametrize("lacking", ["permission", "trust"])
def test_a_schedule_calls_nothing_that_its_role_may_not(cloud: Cloud, lacking: str) -> None:
    """On AWS the call goes to the schedule's dead-letter queue with the reason."""
    scheduler, (name, source) = cloud.client("scheduler"), group(cloud)
    function, url = teller(cloud)
    dead, dead_arn = cloud.queue()
    allowed = function if lacking == "trust" else function + "-other"
    trusted = source if lacking == "permission" else source + "-other"
    role = caller(cloud, trusted, [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": allowed}])
    target = {"Arn": function, "RoleArn": role, "Input": json.dumps({"queue": url}), "DeadLetterConfig": {"Arn": dead_arn}}
    scheduler.create_schedule(**once("m", name, target))
    (message,) = cloud.received(dead)
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "AccessDeniedException"
    assert json.loads(message["Body"]) == {"queue": url}


def test_a_policy_names_a_schedule_by_its_group(cloud: Cloud) -> None:
    """On AWS the resource is schedule/GROUP/NAME, for each of the calls that set and remove schedules."""
    (own, source), (other, _) = group(cloud), group(cloud)
    mine = f"arn:aws:scheduler:{cloud.settings.region}:000000000000:schedule/{own}/*"
    actions = ["scheduler:CreateSchedule", "scheduler:UpdateSchedule", "scheduler:DeleteSchedule"]
    role = caller(cloud, source, [])
    passes = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": role}
    actor = cloud.function(ACT, statements=[{"Effect": "Allow", "Action": actions, "Resource": mine}, passes])
    target = {"Arn": actor, "RoleArn": role}
    made, foreign = (once("m.", name, target, seconds=3600) for name in (own, other))
    gone = {"Name": "m.", "GroupName": own}
    calls = [("create_schedule", made), ("update_schedule", made), ("create_schedule", foreign), ("delete_schedule", gone)]
    answers = [cloud.invoke(actor, {"do": do, "with": with_})["body"] for do, with_ in calls]
    assert answers == ["allowed", "allowed", "ClientError", "allowed"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        cloud.client("scheduler").get_schedule(**gone)


def test_a_list_of_schedules_goes_on_beyond_its_first_page(cloud: Cloud) -> None:
    """On AWS NextToken leads to the rest, and other groups' schedules are not among them."""
    scheduler, (name, source), (other, _) = cloud.client("scheduler"), group(cloud), group(cloud)
    target = {"Arn": cloud.queue()[1], "RoleArn": caller(cloud, source, [])}
    names = [f"m{number}" for number in range(5)]
    for each, within in [*((each, name) for each in names), ("foreign", other)]:
        scheduler.create_schedule(**once(each, within, target, seconds=3600))
    pages = scheduler.get_paginator("list_schedules").paginate(GroupName=name, PaginationConfig={"PageSize": 2})
    found = [[item["Name"] for item in page["Schedules"]] for page in pages]
    assert found == [["m0", "m1"], ["m2", "m3"], ["m4"]]
