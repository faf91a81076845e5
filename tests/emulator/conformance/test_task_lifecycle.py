"""AWS: each change of a task is an `ECS Task State Change` on the default bus with a rising `version`; the address is in the attachment as
privateIPv4Address and in the containers as privateIpv4Address; SIGTERM comes first, SIGKILL after stopTimeout.
"""

import urllib.request

from tests.emulator.conformance.cloud import Cloud, eventually
from tests.emulator.conformance.tasks import service


def test_a_task_is_announced_from_provisioning_to_running(cloud: Cloud) -> None:
    """On AWS versions 1, 2, 3 are PROVISIONING, PENDING, RUNNING; the group and startedBy name the service and its deployment."""
    under = service(cloud)
    running = under.awaited(lastStatus="RUNNING", desiredStatus="RUNNING")[0]
    events = under.awaited(3)
    assert [(event["version"], event["lastStatus"]) for event in events] == [(1, "PROVISIONING"), (2, "PENDING"), (3, "RUNNING")]
    assert running["group"] == "service:svc"
    assert running["startedBy"].startswith("ecs-svc/")
    assert running["launchType"] == "FARGATE"


def test_the_address_of_the_event_is_where_the_task_listens(cloud: Cloud) -> None:
    """On AWS the ENI's private address is in two places with two spellings; here it is a loopback address of the task's own."""
    under = service(cloud)
    running = under.awaited(lastStatus="RUNNING")[0]
    address = under.address(running)
    assert running["attachments"][0]["type"] == "eni"
    assert running["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] == address
    high, low = divmod(cloud.settings.emulator_port, 256)
    assert address.startswith(f"127.{high}.{low}.")

    def status() -> int:
        try:
            with urllib.request.urlopen(f"http://{address}:8080/") as answer:
                return int(answer.status)
        except OSError:
            return 0

    assert eventually(status) == 200


def test_stopping_is_wished_before_it_happens(cloud: Cloud) -> None:
    """On AWS desiredStatus STOPPED is announced while lastStatus is RUNNING, then DEPROVISIONING and STOPPED with the exit code."""
    under = service(cloud)
    task = under.awaited(lastStatus="RUNNING")[0]["taskArn"]
    under.ecs.update_service(cluster=under.cluster, service="svc", desiredCount=0)
    last = under.awaited(taskArn=task, lastStatus="STOPPED")[0]
    after = [event for event in under.awaited(6, taskArn=task) if event["version"] > 3]
    assert [(event["version"], event["lastStatus"], event["desiredStatus"]) for event in after] == [
        (4, "RUNNING", "STOPPED"), (5, "DEPROVISIONING", "STOPPED"), (6, "STOPPED", "STOPPED")
    ]  # fmt: skip
    assert last["stopCode"] == "ServiceSchedulerInitiated"
    assert last["stoppedReason"].startswith("Scaling activity initiated by (deployment ecs-svc/")


def test_sigterm_is_answered_by_the_process(cloud: Cloud) -> None:
    """On AWS the exit code is the process's own, and what it wrote while draining is in the log group."""
    group = cloud.name("/group")
    options = {
        "awslogs-group": group,
        "awslogs-region": cloud.settings.region,
        "awslogs-stream-prefix": "t",
        "awslogs-create-group": "true",
    }
    under = service(cloud, container={"logConfiguration": {"logDriver": "awslogs", "options": options}})
    task = under.awaited(lastStatus="RUNNING")[0]["taskArn"]

    def lines() -> list[str]:
        logs = cloud.client("logs")
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return []
        return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]

    eventually(lines)
    under.ecs.update_service(cluster=under.cluster, service="svc", desiredCount=0)
    assert under.awaited(taskArn=task, lastStatus="STOPPED")[0]["containers"][0]["exitCode"] == 7
    assert "draining" in eventually(lines, lambda found: "draining" in found)


def test_a_process_that_ignores_sigterm_is_killed(cloud: Cloud) -> None:
    """On AWS SIGKILL follows after stopTimeout, and the exit code is 137."""
    code = "import signal, threading; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); threading.Event().wait()"
    group = cloud.name("/group")
    options = {
        "awslogs-group": group,
        "awslogs-region": cloud.settings.region,
        "awslogs-stream-prefix": "t",
        "awslogs-create-group": "true",
    }
    under = service(cloud, code, container={"stopTimeout": 1, "logConfiguration": {"logDriver": "awslogs", "options": options}})
    task = under.awaited(lastStatus="RUNNING")[0]["taskArn"]
    logs = cloud.client("logs")
    eventually(
        lambda: logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] and logs.filter_log_events(logGroupName=group)["events"]
    )
    under.ecs.update_service(cluster=under.cluster, service="svc", desiredCount=0)
    assert under.awaited(taskArn=task, lastStatus="STOPPED")[0]["containers"][0]["exitCode"] == 137


def test_an_exit_is_announced_with_its_code(cloud: Cloud) -> None:
    """On AWS an essential container that ends stops its task with EssentialContainerExited and the container's exit code."""
    under = service(cloud, "import sys; sys.exit(65)")
    stopped = under.awaited(lastStatus="STOPPED")[0]
    assert stopped["stopCode"] == "EssentialContainerExited"
    assert stopped["stoppedReason"] == "Essential container in task exited"
    assert stopped["containers"][0]["exitCode"] == 65


def test_a_stopped_task_of_a_service_is_replaced(cloud: Cloud) -> None:
    """On AWS the scheduler starts another task when a person stops one."""
    under = service(cloud)
    first = under.awaited(lastStatus="RUNNING")[0]["taskArn"]
    under.ecs.stop_task(cluster=under.cluster, task=first, reason="chaos")
    stopped = under.awaited(taskArn=first, lastStatus="STOPPED")[0]
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "chaos")
    assert len({event["taskArn"] for event in under.awaited(2, lastStatus="RUNNING", desiredStatus="RUNNING")}) == 2
