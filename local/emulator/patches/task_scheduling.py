"""The service scheduler as ECS runs it: deployments are announced, failing tasks restart ever more slowly, tasks carry
their deployment's id and their provider's launch type, creating a service with the same token answers the first, a deleted one
drains.

Stock: a first deployment is complete before anything runs, a crashing task is restarted at once and for ever.
"""

import json
import os
import threading
from http import HTTPStatus
from typing import Any

from ministack.core.responses import get_account_id, get_region, json_response, request_scope
from ministack.services import ecs

from local.emulator.pin import expect, replace, rewrite
from local.emulator.task_events import deployment_changed, service_acted

JSON = dict[str, Any]
SETTLED_SECONDS = 10.0
RESTART_BASE_SECONDS, RESTART_MAX_SECONDS = 0.25, 60.0
IMPAIRED_AFTER = 3
_failures: dict[str, int] = {}


def apply() -> None:
    """Rewrite the scheduler's parts."""
    rewrite(
        ecs,
        "_make_deployment",
        ('"COMPLETED" if status == "PRIMARY" else "IN_PROGRESS"', '"IN_PROGRESS"'),
        ('"ECS deployment completed." if status == "PRIMARY" else ""', '""'),
    )
    rewrite(
        ecs,
        "_record_service_task_failure",
        (
            "    if should_reconcile:\n        _reconcile_service_tasks(cluster_name, svc_key)\n",
            "    if should_reconcile:\n        _slipway_restart(cluster_name, svc_key, task)\n",
        ),
    )
    ecs._slipway_restart = restart
    rewrite(ecs, "_reconcile_service_tasks", ('"startedBy": svc_name,', '"startedBy": primary["id"] if primary else svc_name,'))
    rewrite(ecs, "_delete_service", ('    svc["status"] = "INACTIVE"\n', '    svc["status"] = _slipway_drain(svc)\n'))
    ecs._slipway_drain = drain
    _launch_types()
    _deployments()
    _creation()
    if "127.0.0.1" in os.environ.get("DOCKER_HOST", ""):
        _no_platforms()


def _launch_types() -> None:
    expect(ecs._task_capacity, '("FARGATE" if provider in _FARGATE_PROVIDERS else "EC2")')

    def task_capacity(launch_type: str | None, strategy: list[JSON] | None) -> tuple[str, str | None]:
        kind, provider = stock(launch_type, strategy)
        managed = (ecs._capacity_providers.get(provider) or {}).get("managedInstancesProvider") if provider else None
        return ("MANAGED_INSTANCES" if managed else kind), provider

    stock = replace(ecs, "_task_capacity", task_capacity)


def _deployments() -> None:
    """Announce the states of deployments, whoever changes them."""
    expect(ecs._refresh_service_state, "_sync_service_targets(cluster_name, svc)")

    def refresh(cluster: str, group: str) -> None:
        stock(cluster, group)
        service = ecs._services.get(f"{cluster}/{group.split(':', 1)[-1]}") if group else None
        if not service:
            return
        for deployment in service["deployments"]:
            announce(service, deployment)
        if service["status"] == "DRAINING":
            service["status"] = drain(service)

    stock = replace(ecs, "_refresh_service_state", refresh)


def announce(service: JSON, deployment: JSON) -> None:
    """Announce a deployment's state once."""
    state = deployment.get("rolloutState")
    if state == deployment.get("_announced"):
        return
    deployment["_announced"] = state
    deployment_changed(
        service,
        deployment,
        f"SERVICE_DEPLOYMENT_{state}",
        deployment.get("rolloutStateReason") or f"ECS deployment {deployment['id']} {str(state).lower()}.",
    )


def _creation() -> None:
    expect(ecs._create_service, "Creation of service was not idempotent.")

    def create_service(data: JSON) -> Any:
        cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
        existing = ecs._services.get(f"{cluster}/{data.get('serviceName')}") or {}
        if existing.get("status") == "ACTIVE" and data.get("clientToken") and existing.get("_client_token") == data["clientToken"]:
            return json_response({"service": ecs._sanitize(existing)})
        if existing.get("status") == "DRAINING":
            return ecs.error_response_json("InvalidParameterException", "Unable to Start a service that is still Draining.", 400)
        answer = stock(data)
        status, headers, body = answer
        if status >= HTTPStatus.BAD_REQUEST and b"not idempotent" in body:
            return ecs.error_response_json("InvalidParameterException", json.loads(body)["message"], status)
        if status < HTTPStatus.BAD_REQUEST:
            ecs._services[f"{cluster}/{data['serviceName']}"]["_client_token"] = data.get("clientToken")
        return status, headers, body

    stock = replace(ecs, "_create_service", create_service)


def _no_platforms() -> None:
    """Process containers run on this machine's architecture: asking for one costs a quarter of a second per task and changes nothing."""
    expect(ecs._build_run_kwargs, 'kwargs["platform"] = docker_platform')

    def run_kwargs(*arguments: Any) -> JSON:
        options: JSON = stock(*arguments)
        options.pop("platform", None)
        return options

    stock = replace(ecs, "_build_run_kwargs", run_kwargs)


def restart(cluster: str, service_key: str, task: JSON) -> None:
    """Start a replacement for a failed task: soon after the first failure, ever later while they go on."""
    service = ecs._services.get(service_key) or {}
    failures = 1 if _settled(task) else _failures.get(service_key, 0) + 1
    _failures[service_key] = failures
    if failures == IMPAIRED_AFTER:
        service_acted(service, "WARN", "SERVICE_TASK_START_IMPAIRED")
    scope = (get_account_id(), get_region())

    def reconcile() -> None:
        with request_scope(*scope):
            ecs._reconcile_service_tasks(cluster, service_key)

    timer = threading.Timer(min(RESTART_BASE_SECONDS * 2 ** (failures - 1), RESTART_MAX_SECONDS), reconcile)
    timer.daemon = True
    timer.start()


def _settled(task: JSON) -> bool:
    started, stopped = task.get("startedAt"), task.get("stoppedAt")
    if not started or not stopped:
        return False
    return bool(ecs._ts_to_epoch(stopped) - ecs._ts_to_epoch(started) >= SETTLED_SECONDS)


def drain(service: JSON) -> str:
    """The status of a deleted service: DRAINING while a task of it is still stopping, INACTIVE once the last has stopped."""
    group, cluster = f"service:{service['serviceName']}", service.get("clusterArn")
    tasks = [task for task in list(ecs._tasks.values()) if task.get("group") == group and task.get("clusterArn") == cluster]
    return "DRAINING" if any(task["lastStatus"] != "STOPPED" for task in tasks) else "INACTIVE"
