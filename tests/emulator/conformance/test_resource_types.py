"""AWS: these CloudFormation types exist, and the resources they make work."""

import json
from typing import Any

from tests.emulator.conformance.cloud import Cloud, eventually


def test_an_archive_keeps_events(cloud: Cloud) -> None:
    """On AWS an archive counts the events that its pattern matches."""
    resources: dict[str, Any] = {
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": cloud.name("bus")}},
        "Archive": {
            "Type": "AWS::Events::Archive",
            "Properties": {"SourceArn": {"Fn::GetAtt": ["Bus", "Arn"]}, "EventPattern": {"source": ["kept"]}, "RetentionDays": 7},
        },
    }
    outputs = cloud.deploy(resources, {"Archive": {"Ref": "Archive"}, "Bus": {"Ref": "Bus"}})
    events = cloud.client("events")
    events.put_events(
        Entries=[{"Source": source, "DetailType": "x", "Detail": "{}", "EventBusName": outputs["Bus"]} for source in ("kept", "not")]
    )
    assert events.describe_archive(ArchiveName=outputs["Archive"])["EventCount"] == 1


def test_a_cluster_has_its_managed_instances_provider(cloud: Cloud) -> None:
    """On AWS a Managed Instances provider belongs to one cluster, and its tasks report MANAGED_INSTANCES."""
    name = cloud.name("cluster")
    provider = {"ClusterName": name, "ManagedInstancesProvider": {"InfrastructureRoleArn": "arn:aws:iam::000000000000:role/x"}}
    associations = {"Cluster": {"Ref": "Cluster"}, "CapacityProviders": [{"Ref": "Gpu"}, "FARGATE"], "DefaultCapacityProviderStrategy": []}
    cloud.deploy(
        {
            "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": name}},
            "Gpu": {"Type": "AWS::ECS::CapacityProvider", "Properties": provider | {"Name": f"{name}-gpu"}},
            "All": {"Type": "AWS::ECS::ClusterCapacityProviderAssociations", "Properties": associations},
        }
    )
    cluster = cloud.client("ecs").describe_clusters(clusters=[name])["clusters"][0]
    assert cluster["capacityProviders"] == [f"{name}-gpu", "FARGATE"]


def test_security_group_rules_join_their_group(cloud: Cloud) -> None:
    """On AWS a rule given as a resource of its own is a rule of the group."""
    resources: dict[str, Any] = {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "g", "VpcId": {"Ref": "Vpc"}}},
        "Rule": {
            "Type": "AWS::EC2::SecurityGroupIngress",
            "Properties": {
                "GroupId": {"Fn::GetAtt": ["Group", "GroupId"]},
                "IpProtocol": "tcp",
                "FromPort": 8080,
                "ToPort": 8080,
                "CidrIp": "10.0.0.0/16",
            },
        },
    }
    group = cloud.deploy(resources, {"Group": {"Fn::GetAtt": ["Group", "GroupId"]}})["Group"]
    permissions = cloud.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert [permission["FromPort"] for permission in permissions] == [8080]


def test_recorded_types_deploy(cloud: Cloud) -> None:
    """On AWS these scale and alarm; here they are accepted, and nothing on a laptop leans on them."""
    target = {
        "ResourceId": "service/c/s",
        "ScalableDimension": "ecs:service:DesiredCount",
        "ServiceNamespace": "ecs",
        "MinCapacity": 1,
        "MaxCapacity": 2,
    }
    policy = {"PolicyName": "p", "PolicyType": "TargetTrackingScaling", "ScalingTargetId": {"Ref": "Target"}}
    resources: dict[str, Any] = {
        "Target": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": target},
        "Policy": {"Type": "AWS::ApplicationAutoScaling::ScalingPolicy", "Properties": policy},
        "Alarm": {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmRule": "FALSE"}},
    }
    outputs = cloud.deploy(resources, {"Target": {"Ref": "Target"}, "Alarm": {"Fn::GetAtt": ["Alarm", "Arn"]}})
    assert outputs["Target"] == "service/c/s|ecs:service:DesiredCount|ecs"
    assert json.dumps(outputs["Alarm"]).count(":alarm:") == 1


def test_a_number_may_be_a_string(cloud: Cloud) -> None:
    """On AWS a parameter of type Number is a string that CloudFormation turns into a number."""
    container: dict[str, Any] = {"Name": "c", "Image": "slipway/plain:local", "Memory": "64", "PortMappings": [{"ContainerPort": "8080"}]}
    container["Secrets"] = [{"Name": "KEY", "ValueFrom": "arn:aws:secretsmanager:eu-west-1:000000000000:secret:x-AbCdEf"}]
    definition = {"Family": cloud.name(), "NetworkMode": "awsvpc", "ContainerDefinitions": [container]}
    wanted = {"Cluster": {"Ref": "Cluster"}, "TaskDefinition": {"Ref": "Definition"}, "DesiredCount": "0", "ServiceName": "svc"}
    resources: dict[str, Any] = {
        "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": cloud.name("cluster")}},
        "Definition": {"Type": "AWS::ECS::TaskDefinition", "Properties": definition},
        "Service": {"Type": "AWS::ECS::Service", "Properties": wanted},
    }
    outputs = cloud.deploy(resources, {"Cluster": {"Ref": "Cluster"}, "Definition": {"Ref": "Definition"}})
    cluster, ecs = outputs["Cluster"], cloud.client("ecs")
    made = ecs.describe_task_definition(taskDefinition=outputs["Definition"])["taskDefinition"]["containerDefinitions"][0]
    assert (made["portMappings"][0]["containerPort"], made["secrets"][0]["name"]) == (8080, "KEY")
    assert ecs.describe_services(cluster=cluster, services=["svc"])["services"][0]["desiredCount"] == 0


def test_a_reference_to_a_secret_is_its_arn(cloud: Cloud) -> None:
    """On AWS `Ref` of a secret is its full ARN, which is what policies and task definitions need; an update keeps it."""
    properties = {"GenerateSecretString": {"PasswordLength": 48}, "Name": cloud.name("secret")}
    outputs = cloud.deploy({"Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": properties}}, {"Secret": {"Ref": "Secret"}})
    secrets = cloud.client("secretsmanager")
    assert outputs["Secret"] == secrets.describe_secret(SecretId=properties["Name"])["ARN"]
    assert len(secrets.get_secret_value(SecretId=outputs["Secret"])["SecretString"]) == 48


def test_a_state_machine_may_be_written_in_yaml(cloud: Cloud) -> None:
    """On AWS a definition is JSON or YAML."""
    bucket, states = cloud.name("bucket"), cloud.client("stepfunctions")
    cloud.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": cloud.settings.region})
    cloud.client("s3").put_object(
        Bucket=bucket, Key="machine.yaml", Body=b"StartAt: Done\nStates:\n  Done: {Type: Pass, Result: 7, End: true}\n"
    )
    properties = {"RoleArn": cloud.role("states.amazonaws.com"), "DefinitionS3Location": {"Bucket": bucket, "Key": "machine.yaml"}}
    machine = cloud.deploy(
        {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}, {"Machine": {"Ref": "Machine"}}
    )["Machine"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    assert (
        eventually(lambda: states.describe_execution(executionArn=execution), lambda found: found["status"] != "RUNNING")["output"] == "7"
    )
