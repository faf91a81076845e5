"""AWS: services act as the role that they were given: what it lacks does not happen. Who hands a role on needs iam:PassRole."""

import json
from typing import Any

import pytest

from tests.emulator.conformance.cloud import Cloud, eventually
from tests.emulator.conformance.tasks import service

ECHO = "def handler(event, context):\n    return event\n"
TELL = "import boto3\ndef handler(event, context):\n    boto3.client('sqs').send_message(QueueUrl='{url}', MessageBody='called')\n"
HAND_ON = """
import boto3
def handler(event, context):
    client = boto3.client(event["service"])
    try:
        getattr(client, event["do"])(**event["with"])
        return "allowed"
    except Exception as error:
        return str(error)
"""


def allow(action: str, resource: str = "*") -> dict[str, Any]:
    """One statement."""
    return {"Effect": "Allow", "Action": action, "Resource": resource}


@pytest.mark.parametrize("allowed", [True, False], ids=["allowed", "refused"])
def test_a_machine_calls_what_its_role_allows(cloud: Cloud, allowed: bool) -> None:
    """On AWS the state fails with Lambda.AWSLambdaException, which names role, action and function."""
    function, states = cloud.function(ECHO), cloud.client("stepfunctions")
    role = cloud.role("states.amazonaws.com", [allow("lambda:InvokeFunction", function if allowed else function + "-other")])
    definition = {"StartAt": "Do", "States": {"Do": {"Type": "Task", "Resource": function, "TimeoutSeconds": 20, "End": True}}}
    machine = states.create_state_machine(name=cloud.name(), definition=json.dumps(definition), roleArn=role)["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    ended = eventually(lambda: states.describe_execution(executionArn=execution), lambda found: found["status"] != "RUNNING")
    assert (ended["status"], ended.get("error")) == (("SUCCEEDED", None) if allowed else ("FAILED", "Lambda.AWSLambdaException"))
    assert allowed or "is not authorized to perform: lambda:InvokeFunction" in ended["cause"]


@pytest.mark.parametrize("lacking", ["", "sqs:DeleteMessage"], ids=["allowed", "refused"])
def test_a_mapping_reads_a_queue_as_the_functions_role(cloud: Cloud, lacking: str) -> None:
    """On AWS a mapping whose function may not receive, delete and look up messages is a PROBLEM, and the messages stay."""
    told, _ = cloud.queue()
    url, arn = cloud.queue(VisibilityTimeout="30")
    needed = [action for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes") if action != lacking]
    function = cloud.function(TELL.format(url=told), statements=[*(allow(action, arn) for action in needed), allow("sqs:SendMessage")])
    lambdas = cloud.client("lambda")
    mapping = lambdas.create_event_source_mapping(FunctionName=function, EventSourceArn=arn)["UUID"]
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    if not lacking:
        assert len(cloud.received(told)) == 1
        return
    said = eventually(lambda: lambdas.get_event_source_mapping(UUID=mapping)["LastProcessingResult"], lambda text: "PROBLEM" in text)
    assert "is not authorized to perform: sqs:DeleteMessage" in said
    assert "Messages" not in cloud.client("sqs").receive_message(QueueUrl=told)


def test_a_task_gets_no_secret_that_its_execution_role_may_not_read(cloud: Cloud) -> None:
    """On AWS the task stops with TaskFailedToStart and ResourceInitializationError."""
    secret = cloud.client("secretsmanager").create_secret(Name=cloud.name("key"), SecretString="s3cret")["ARN"]
    role = cloud.role("ecs-tasks.amazonaws.com", [allow("secretsmanager:GetSecretValue", secret.replace("key", "other"))])
    under = service(cloud, container={"secrets": [{"name": "KEY", "valueFrom": secret}]}, task={"executionRoleArn": role})
    stopped = under.awaited(lastStatus="STOPPED")[0]
    under.ecs.update_service(cluster=under.cluster, service="svc", desiredCount=0)
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert "is not authorized to perform: secretsmanager:GetSecretValue" in stopped["stoppedReason"]


@pytest.mark.parametrize("passed_to", ["ecs-tasks.amazonaws.com", "lambda.amazonaws.com"], ids=["allowed", "refused"])
def test_a_role_is_handed_on_by_those_who_may(cloud: Cloud, passed_to: str) -> None:
    """On AWS registering a task definition with a role needs iam:PassRole on that role, for that service."""
    role = cloud.role("ecs-tasks.amazonaws.com")
    hands_on = allow("iam:PassRole", role) | {"Condition": {"StringEquals": {"iam:PassedToService": passed_to}}}
    actor = cloud.function(HAND_ON, statements=[allow("ecs:RegisterTaskDefinition"), hands_on])
    definition = {"family": cloud.name(), "taskRoleArn": role, "containerDefinitions": [{"name": "x", "image": "x", "memory": 64}]}
    answer = cloud.invoke(actor, {"service": "ecs", "do": "register_task_definition", "with": definition})["body"]
    if passed_to.startswith("ecs-tasks"):
        assert answer == "allowed"
    else:
        assert "AccessDenied" in answer
        assert "iam:PassRole" in answer


@pytest.mark.parametrize("allowed", [True, False], ids=["allowed", "refused"])
@pytest.mark.parametrize("made", ["RegisterTaskDefinition", "CreateService"])
def test_what_is_made_with_tags_is_tagged_by_those_who_may(cloud: Cloud, made: str, allowed: bool) -> None:
    """On AWS tags given at creation need ecs:TagResource, which a condition may bind to the action that creates."""
    tags = allow("ecs:TagResource") | {"Condition": {"StringEquals": {"ecs:CreateAction": made if allowed else "CreateCluster"}}}
    actor = cloud.function(HAND_ON, statements=[allow(f"ecs:{made}"), tags])
    ecs, name, do = cloud.client("ecs"), cloud.name(), "register_task_definition"
    asked: dict[str, Any] = {"family": name, "containerDefinitions": [{"name": "x", "image": "x", "memory": 64}]}
    if made == "CreateService":
        ecs.create_cluster(clusterName=name)
        definition = ecs.register_task_definition(**asked)["taskDefinition"]["taskDefinitionArn"]
        asked, do = {"cluster": name, "serviceName": name, "taskDefinition": definition, "desiredCount": 0}, "create_service"
    answer = cloud.invoke(actor, {"service": "ecs", "do": do, "with": asked | {"tags": [{"key": "a", "value": "b"}]}})["body"]
    assert (answer == "allowed") == allowed, answer
    assert allowed or ("AccessDenied" in answer and "ecs:TagResource" in answer)


@pytest.mark.parametrize("quota", ["L-DB2E81BA", "L-0"], ids=["allowed", "refused"])
def test_a_service_that_is_not_here_is_guarded_all_the_same(cloud: Cloud, quota: str) -> None:
    """On AWS Service Quotas refuses whoever is not granted the quota; who is, hears here that there is no such service."""
    resource = f"arn:aws:servicequotas:{cloud.settings.region}:000000000000:ec2/{quota}"
    actor = cloud.function(HAND_ON, statements=[allow("servicequotas:GetServiceQuota", resource)])
    question = {"ServiceCode": "ec2", "QuotaCode": "L-DB2E81BA"}
    answer = cloud.invoke(actor, {"service": "service-quotas", "do": "get_service_quota", "with": question})["body"]
    assert ("AccessDenied" in answer) == (quota == "L-0"), answer
    assert answer != "allowed"


def test_what_roles_do_is_kept_with_the_statement_that_allowed_it(cloud: Cloud) -> None:
    """On AWS CloudTrail and Access Analyzer tell which of a role's permissions were used; here a file does."""
    url, arn = cloud.queue()
    may = allow("sqs:SendMessage", arn) | {"Sid": "TellTheQueue"}
    cloud.invoke(cloud.function(TELL.format(url=url), statements=[may]))
    uses = [json.loads(line) for line in cloud.settings.role_use.read_text().splitlines()]
    (kept,) = [use for use in uses if use["resource"] == arn]
    assert (kept["action"], kept["sid"], kept["decision"]) == ("sqs:SendMessage", "TellTheQueue", "Allow")
