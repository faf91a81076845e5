"""AWS: a task acts as its task role, IAM is enforced, `secrets` become environment variables, and Fargate tells tasks their region."""

import json

from tests.emulator.conformance.cloud import Cloud, eventually
from tests.emulator.conformance.tasks import service

ACT = """
import boto3, json, os
queue = os.environ["QUEUE"]
try:
    boto3.client("dynamodb").list_tables()
    tables = "allowed"
except Exception as error:
    tables = type(error).__name__
who = boto3.client("sts").get_caller_identity()["Arn"]
body = {"who": who, "tables": tables, "secret": os.environ["KEY"], "region": os.environ["AWS_REGION"]}
boto3.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(body))
"""


def test_a_task_may_do_what_its_role_allows_and_no_more(cloud: Cloud) -> None:
    """On AWS the SDK finds the role's credentials by itself, and what the role lacks is denied."""
    url, _ = cloud.queue()
    acts = ["sqs:SendMessage", "sts:GetCallerIdentity", "secretsmanager:GetSecretValue"]
    statements = [{"Effect": "Allow", "Action": acts, "Resource": "*"}]
    role = cloud.role("ecs-tasks.amazonaws.com", statements)
    secret = cloud.client("secretsmanager").create_secret(Name=cloud.name("key"), SecretString="s3cret")["ARN"]
    container = {"environment": [{"name": "QUEUE", "value": url}], "secrets": [{"name": "KEY", "valueFrom": secret}]}
    under = service(cloud, ACT, container=container, task={"taskRoleArn": role, "executionRoleArn": role})
    body = json.loads(eventually(lambda: cloud.received(url))[0]["Body"])
    under.ecs.update_service(cluster=under.cluster, service="svc", desiredCount=0)
    assert f":assumed-role/{role.rsplit('/', 1)[-1]}/" in body["who"]
    assert body["tables"] == "ClientError"
    assert body["secret"] == "s3cret"
    assert body["region"] == cloud.settings.region


def test_a_secret_that_is_missing_keeps_the_task_from_starting(cloud: Cloud) -> None:
    """On AWS the task stops with TaskFailedToStart and ResourceInitializationError."""
    missing = f"arn:aws:secretsmanager:{cloud.settings.region}:000000000000:secret:none-AbCdEf"
    under = service(cloud, container={"secrets": [{"name": "KEY", "valueFrom": missing}]})
    stopped = under.awaited(lastStatus="STOPPED")[0]
    under.ecs.update_service(cluster=under.cluster, service="svc", desiredCount=0)
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert stopped["stoppedReason"].startswith("ResourceInitializationError: ")
