"""AWS: deployments are announced, a crashing task is restarted ever more slowly, CreateService with the same token is idempotent, a deleted
service drains, and Managed Instances tasks say so.
"""

import pytest
from botocore.exceptions import ClientError

from tests.emulator.conformance.cloud import Cloud, eventually
from tests.emulator.conformance.tasks import service


def test_a_deployment_is_in_progress_and_then_completed(cloud: Cloud) -> None:
    """On AWS `ECS Deployment State Change` tells IN_PROGRESS, then COMPLETED; a steady service says so."""
    under = service(cloud)

    def names() -> list[str]:
        return [event["detail"]["eventName"] for event in under.seen() if event["detail-type"] != "ECS Task State Change"]

    found = eventually(names, lambda seen: "SERVICE_STEADY_STATE" in seen)
    assert found == ["SERVICE_DEPLOYMENT_IN_PROGRESS", "SERVICE_DEPLOYMENT_COMPLETED", "SERVICE_STEADY_STATE"]


def test_a_crashing_task_is_restarted(cloud: Cloud) -> None:
    """On AWS the scheduler replaces a task whose process ends, and throttles when that goes on."""
    under = service(cloud, "import sys; sys.exit(1)")
    stopped = under.awaited(3, lastStatus="STOPPED")
    assert len({event["taskArn"] for event in stopped}) >= 3
    assert eventually(lambda: [event for event in under.seen() if event["detail"].get("eventName") == "SERVICE_TASK_START_IMPAIRED"])
    under.ecs.update_service(cluster=under.cluster, service="svc", desiredCount=0)


def test_a_circuit_breaker_ends_a_first_deployment(cloud: Cloud) -> None:
    """On AWS the circuit breaker counts failed tasks of a first deployment too, and announces SERVICE_DEPLOYMENT_FAILED."""
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    under = service(cloud, "import sys; sys.exit(1)", deploymentConfiguration=breaker)
    assert eventually(lambda: [event for event in under.seen() if event["detail"].get("eventName") == "SERVICE_DEPLOYMENT_FAILED"])


def test_creating_again_with_the_same_token_answers_the_first(cloud: Cloud) -> None:
    """On AWS a client token makes CreateService idempotent; without it the name is taken."""
    under = service(cloud, desired=0, clientToken="one")
    described = under.ecs.describe_services(cluster=under.cluster, services=["svc"])["services"][0]
    request = {"cluster": under.cluster, "serviceName": "svc", "taskDefinition": described["taskDefinition"], "desiredCount": 0}
    assert under.ecs.create_service(**request, clientToken="one")["service"]["serviceArn"] == described["serviceArn"]
    with pytest.raises(ClientError, match=r"InvalidParameterException.*not idempotent"):
        under.ecs.create_service(**request, clientToken="two")


def test_a_deleted_service_drains_until_its_last_task_has_stopped(cloud: Cloud) -> None:
    """On AWS the status is DRAINING while tasks stop, then INACTIVE."""
    under = service(cloud)
    under.awaited(lastStatus="RUNNING")
    assert under.ecs.delete_service(cluster=under.cluster, service="svc", force=True)["service"]["status"] == "DRAINING"

    def status() -> str:
        return str(under.ecs.describe_services(cluster=under.cluster, services=["svc"])["services"][0]["status"])

    assert eventually(status, lambda found: found == "INACTIVE") == "INACTIVE"


def test_a_task_of_a_managed_instances_provider_says_so(cloud: Cloud) -> None:
    """On AWS launchType is MANAGED_INSTANCES and capacityProviderName the provider."""
    name = cloud.name("gpu")
    provider = {"Name": name, "ClusterName": "c", "ManagedInstancesProvider": {"InfrastructureRoleArn": "arn:aws:iam::000000000000:role/x"}}
    cloud.deploy({"Gpu": {"Type": "AWS::ECS::CapacityProvider", "Properties": provider}})
    under = service(cloud, capacityProviderStrategy=[{"capacityProvider": name, "weight": 1}])
    running = under.awaited(lastStatus="RUNNING")[0]
    assert (running["launchType"], running["capacityProviderName"]) == ("MANAGED_INSTANCES", name)
