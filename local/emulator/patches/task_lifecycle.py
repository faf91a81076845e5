"""A task's life as ECS runs it: every change is announced with a rising version, its address is its ENI's, stopping sends SIGTERM and
waits for stopTimeout, exit codes are the containers' own, an exit is seen at once, and tasks lost in a restart are announced as stopped.

Stock: no events at all, STOPPED before the container knows, 5 s before SIGKILL, exit code 0 whatever happened, ten inspections a second.
"""

import logging
import threading
from typing import Any

from ministack.core.concurrency import resource_lock, spawn_background
from ministack.core.responses import get_account_id, get_region, json_response, new_uuid, now_iso, request_scope
from ministack.services import ecs, ecs_metadata

from local.emulator.pin import expect, replace, rewrite
from local.emulator.task_events import task_changed

JSON = dict[str, Any]
log = logging.getLogger("slipway.task_lifecycle")
DEFAULT_STOP_SECONDS = 30
RESTORE_DELAY_SECONDS = 0.2
# What the emulator's scheduler gives as a reason when it stops a task for the service.
SCHEDULER_REASONS = {
    "Deployment completed",
    "Task definition updated",
    "Deployment capacity limit",
    "Service scaling down",
    "Service deleted",
}
_lost: list[tuple[str, str, JSON]] = []


def apply() -> None:
    """Replace stopping and watching; announce the changes of starting."""
    expect(ecs._stop_task, '_mark_task_stopped(\n        task["taskArn"], task, reason, "UserInitiated", exit_code=0')
    expect(ecs._mark_task_stopped, "_STOP_SEQUENCE", "if not _task_is_active(task_arn, task):")
    expect(ecs._watch_task_lifecycle, "time.sleep(0.1)")
    expect(ecs._mark_task_activating, "No version bump")
    replace(ecs, "_stop_task", stop_task)
    replace(ecs, "_mark_task_stopped", mark_stopped)
    rewrite(
        ecs, "_watch_task_lifecycle", ("                time.sleep(0.1)\n", "                _slipway_wait_for_exit(task, docker_client)\n")
    )
    ecs._slipway_wait_for_exit = wait_for_exit
    rewrite(ecs, "_maybe_mark_stopped", ('"Essential container exited"', '"Essential container in task exited"'))
    _announce_starting()
    _announce_addresses()
    _announce_lost()


def _announce_starting() -> None:
    def run_worker(task: JSON, *arguments: Any) -> None:
        with request_scope(*arguments[-2:]):
            task_changed(task)
        stock_worker(task, *arguments)

    stock_worker = replace(ecs, "_run_task_worker", run_worker)
    for name in ("_mark_task_pending", "_mark_task_running"):
        _announce_after(name)


def _announce_after(name: str) -> None:
    def mark(task_arn: str, task: JSON) -> Any:
        changed = stock(task_arn, task)
        if changed:
            task_changed(task)
        return changed

    stock = replace(ecs, name, mark)


def _announce_addresses() -> None:
    """Give the task's attachment the details of an ENI, and each container its interface."""
    expect(ecs._record_task_ip, '"type": "ElasticNetworkInterface"', '{"name": "privateIPv4Address", "value": ip}')

    def record_ip(task: JSON, container: Any, network: Any) -> None:
        stock(task, container, network)
        with resource_lock("ecs-task", task["taskArn"]):
            for attachment in task.get("attachments") or []:
                details = {detail["name"]: detail["value"] for detail in attachment["details"]}
                if "networkInterfaceId" not in details:
                    address = details["privateIPv4Address"]
                    names = {
                        "networkInterfaceId": f"eni-{new_uuid().replace('-', '')[:17]}",
                        "privateDnsName": f"ip-{address.replace('.', '-')}.ec2.internal",
                    }
                    attachment["details"] += [{"name": name, "value": value} for name, value in names.items()]
                for described in task["containers"]:
                    described["networkInterfaces"] = [
                        {"attachmentId": attachment["id"], "privateIpv4Address": details["privateIPv4Address"]}
                    ]

    stock = replace(ecs, "_record_task_ip", record_ip)


def _announce_lost() -> None:
    """After a restart, tell that the tasks which ran before are gone; then the scheduler starts others."""
    expect(ecs._restore_state, 'restored_task["lastStatus"] = "STOPPED"')

    def restore(data: JSON) -> None:
        stock_restore(data)
        for (account, region, _), task in ecs._tasks.all_items():
            if task.get("desiredStatus") != "STOPPED" or any(container.get("lastStatus") != "STOPPED" for container in task["containers"]):
                task.update(
                    desiredStatus="STOPPED", stopCode="TerminationNotice", stoppedReason="The platform was restarted", stoppedAt=now_iso()
                )
                for container in task["containers"]:
                    container["lastStatus"] = "STOPPED"
                _lost.append((account, region, task))

    def reconcile() -> None:
        while _lost:
            account, region, task = _lost.pop()
            with request_scope(account, region):
                task_changed(task)
        stock_reconcile()

    stock_restore = replace(ecs, "_restore_state", restore)
    stock_reconcile = replace(ecs, "_reconcile_restored_services", reconcile)
    ecs._ECS_RESTORE_RECONCILE_DELAY = RESTORE_DELAY_SECONDS


def wait_for_exit(task: JSON, docker_client: Any) -> None:
    """Return when any container of a task has exited."""
    exited = threading.Event()

    def follow(identifier: str) -> None:
        try:
            docker_client.containers.get(identifier).wait(timeout=None)
        except Exception as error:  # noqa: BLE001 - whatever the engine says, looking again is right
            log.info("stopped following container %s: %s", identifier[:12], error)
            exited.wait(1)
        exited.set()

    for identifier in list(task.get("_docker_ids") or []):
        spawn_background(follow, identifier, thread_name="ecs-follow")
    exited.wait(None if task.get("_docker_ids") else 0.1)


def stop_task(data: JSON) -> Any:
    """StopTask, by a person or by the service's scheduler: announce the wish, then stop the containers in the background."""
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    task = ecs._resolve_task(data.get("task", ""), cluster) if cluster else None
    if not task:
        name, text = (
            ("InvalidParameterException", "The referenced task was not found.")
            if cluster
            else ("ClusterNotFoundException", "Cluster not found.")
        )
        return ecs.error_response_json(name, text, 400)
    reason = data.get("reason") or "Task stopped by user"
    code = "UserInitiated"
    if reason in SCHEDULER_REASONS:
        code, reason = "ServiceSchedulerInitiated", f"Scaling activity initiated by (deployment {task.get('startedBy')})"
    if begin_stop(task, reason, code):
        arguments = (task, get_account_id(), get_region())
        spawn_background(_stop_containers, *arguments, thread_name="ecs-stop")
        if code == "UserInitiated":
            _replace_in_service(task)
    return json_response({"task": ecs._sanitize(task)})


def begin_stop(task: JSON, reason: str, code: str) -> bool:
    """Say that a task is to stop (desiredStatus first, lastStatus unchanged, as ECS does); False when it was stopping already."""
    with resource_lock("ecs-task", task["taskArn"]):
        if not ecs._task_is_active(task["taskArn"], task):
            return False
        ecs._bump_task_version(task)
        task.update(desiredStatus="STOPPED", stoppingAt=now_iso(), stoppedReason=reason, stopCode=code)
    task_changed(task)
    with resource_lock("ecs-task", task["taskArn"]):
        task["lastStatus"] = "DEACTIVATING"
    _recount(task)
    return True


def end_stop(task: JSON) -> None:
    """Say that a task's containers are gone: DEPROVISIONING, then STOPPED."""
    for status in ("DEPROVISIONING", "STOPPED"):
        with resource_lock("ecs-task", task["taskArn"]):
            ecs._bump_task_version(task)
            task["lastStatus"] = status
            task["executionStoppedAt"] = task.get("executionStoppedAt") or now_iso()
            if status == "STOPPED":
                task["stoppedAt"] = now_iso()
                for container in task["containers"]:
                    container["lastStatus"] = "STOPPED"
        task_changed(task)
    ecs_metadata.set_task_status(task["taskArn"], known_status="STOPPED", desired_status="STOPPED")
    ecs_metadata.set_all_container_status(task["taskArn"], "STOPPED")
    _recount(task)


def _stop_containers(task: JSON, account: str, region: str) -> None:
    with request_scope(account, region):
        try:
            _stop_each_container(task)
        finally:
            end_stop(task)
            ecs._cleanup_task_resources(task, ecs._get_docker())


def _stop_each_container(task: JSON) -> None:
    """SIGTERM to every container at once, SIGKILL after each one's stopTimeout; exit codes are kept."""
    definition = ecs._task_defs.get(ecs._resolve_td_key(task["taskDefinitionArn"])) or {}
    docker_client, stoppers = ecs._get_docker(), []
    for index, identifier in enumerate(list(task.get("_docker_ids") or [])):
        containers = definition.get("containerDefinitions") or []
        grace = containers[index].get("stopTimeout", DEFAULT_STOP_SECONDS) if index < len(containers) else DEFAULT_STOP_SECONDS

        def stop(index: int = index, identifier: str = identifier, grace: int = grace) -> None:
            try:
                container = docker_client.containers.get(identifier)
                container.stop(timeout=grace)
                task["containers"][index]["exitCode"] = container.wait()["StatusCode"]
            except Exception as error:  # noqa: BLE001 - a container that is gone is stopped
                log.info("container %s was gone before it was stopped: %s", identifier[:12], error)

        stoppers.append(threading.Thread(target=stop, daemon=True))
    for stopper in stoppers:
        stopper.start()
    for stopper in stoppers:
        stopper.join()


def mark_stopped(task_arn: str, task: JSON, reason: str, code: str, exit_code: int | None = None) -> bool:
    """A task whose containers ended by themselves or never started."""
    if ecs._tasks.get(task_arn) is not task or not begin_stop(task, reason, code):
        return False
    if exit_code is not None:
        for container in task["containers"]:
            if container.get("exitCode") is None and container.get("runtimeId"):
                container["exitCode"] = exit_code
    end_stop(task)
    if code in {"EssentialContainerExited", "TaskFailedToStart"}:
        ecs._record_service_task_failure(task)
    return True


def _recount(task: JSON) -> None:
    cluster = ecs._cluster_name_from_arn(task.get("clusterArn", ""))
    if cluster:
        ecs._recount_cluster(cluster)
        ecs._refresh_service_state(cluster, task.get("group", ""))


def _replace_in_service(task: JSON) -> None:
    """The scheduler makes up for a task that a person stopped."""
    cluster, group = ecs._cluster_name_from_arn(task.get("clusterArn", "")), task.get("group", "")
    if cluster and group.startswith("service:"):
        ecs._reconcile_service_tasks(cluster, f"{cluster}/{group.split(':', 1)[1]}")
