"""AWS: a nested stack can be updated, and when it cannot be created nothing of it is left."""

import json
from typing import Any

from tests.emulator.conformance.cloud import Cloud, eventually


def child(retention: str, cluster: str, definition: str, *, impossible: bool = False) -> dict[str, Any]:
    """A template with a log group, a role that needs the group's attribute, and a service that may be impossible."""
    both = {"LaunchType": "FARGATE", "CapacityProviderStrategy": [{"CapacityProvider": "FARGATE", "Weight": 1}]}
    contradiction = both if impossible else {}
    statement = {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": {"Fn::GetAtt": ["Logs", "Arn"]}}
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    policies = [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}]
    return {
        "Parameters": {"Days": {"Type": "Number", "Default": retention}},
        "Resources": {
            "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"/{cluster}"}},
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust, "Policies": policies}},
            "Other": {
                "Type": "AWS::Logs::LogGroup",
                "Properties": {"LogGroupName": f"/{cluster}-other", "RetentionInDays": {"Ref": "Days"}},
            },
            "Service": {
                "Type": "AWS::ECS::Service",
                "DependsOn": ["Role", "Other"],
                "Properties": {"Cluster": cluster, "ServiceName": "s", "TaskDefinition": definition, "DesiredCount": 0} | contradiction,
            },
        },
    }


def put(cloud: Cloud, bucket: str, template: dict[str, Any]) -> str:
    """Upload a template; its URL."""
    key = cloud.name("template")
    cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(template).encode())
    return f"{cloud.settings.endpoint}/{bucket}/{key}"


def parent(url: str) -> str:
    """A stack with one child."""
    return json.dumps({"Resources": {"Child": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}}})


def settled(cloud: Cloud, name: str) -> str:
    """The stack's status once nothing is under way."""
    describe = cloud.client("cloudformation").describe_stacks
    return str(eventually(lambda: describe(StackName=name)["Stacks"][0]["StackStatus"], lambda status: not status.endswith("IN_PROGRESS")))


def setting(cloud: Cloud) -> tuple[str, str, str]:
    """A bucket, a cluster, and a task definition."""
    bucket, cluster = cloud.name("bucket"), cloud.name("cluster")
    cloud.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": cloud.settings.region})
    ecs = cloud.client("ecs")
    ecs.create_cluster(clusterName=cluster)
    containers = [{"name": "c", "image": "slipway/plain:local", "memory": 64}]
    return (
        bucket,
        cluster,
        ecs.register_task_definition(family=cluster, containerDefinitions=containers)["taskDefinition"]["taskDefinitionArn"],
    )


def test_an_update_keeps_the_attributes_of_what_did_not_change(cloud: Cloud) -> None:
    """On AWS `Fn::GetAtt` of an unchanged resource works in every update."""
    bucket, cluster, definition = setting(cloud)
    cloudformation, name = cloud.client("cloudformation"), cloud.name("stack")
    first, second = (put(cloud, bucket, child(days, cluster, definition)) for days in ("1", "3"))
    cloudformation.create_stack(StackName=name, TemplateBody=parent(first), Capabilities=["CAPABILITY_IAM"])
    assert settled(cloud, name) == "CREATE_COMPLETE"
    cloudformation.update_stack(StackName=name, TemplateBody=parent(second), Capabilities=["CAPABILITY_IAM"])
    assert settled(cloud, name) == "UPDATE_COMPLETE"
    groups = cloud.client("logs").describe_log_groups(logGroupNamePrefix=f"/{cluster}-other")["logGroups"]
    assert groups[0]["retentionInDays"] == 3


def test_a_child_that_cannot_be_created_leaves_nothing(cloud: Cloud) -> None:
    """On AWS the child is rolled back with its parent."""
    bucket, cluster, definition = setting(cloud)
    cloudformation, name = cloud.client("cloudformation"), cloud.name("stack")
    url = put(cloud, bucket, child("1", cluster, definition, impossible=True))
    cloudformation.create_stack(StackName=name, TemplateBody=parent(url), Capabilities=["CAPABILITY_IAM"])
    assert settled(cloud, name) == "ROLLBACK_COMPLETE"
    assert cloud.client("logs").describe_log_groups(logGroupNamePrefix=f"/{cluster}")["logGroups"] == []
