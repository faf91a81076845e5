"""Services act as the role that they were given: state machines call functions and deliver logs, mappings read streams and queues,
functions leave what failed at its destination, tasks get their secrets and write their logs; and whoever hands a role on, or makes a
service or a task definition with tags, must be allowed to (iam:PassRole, ecs:TagResource).

Stock: none of this is checked; a state machine whose role has no policy calls everything.
"""

import contextvars
import functools
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.iam_actions import access_denied_response
from ministack.core.responses import get_account_id, get_region
from ministack.core.router import extract_access_key_id
from ministack.services import ecs, lambda_svc, stepfunctions

from local.emulator.patches import table_streams
from local.emulator.pin import expect, replace
from local.emulator.service_roles import RefusedError, act

JSON = dict[str, Any]
log = logging.getLogger("slipway.service_roles")
DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
)
TRACES = ("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets")
SOURCES = {
    "sqs": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    "dynamodb": ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
}
PASSED = {"RegisterTaskDefinition": ("taskRoleArn", "executionRoleArn")}
TAGGED = {"CreateService": "service/{cluster}/{serviceName}", "RegisterTaskDefinition": "task-definition/{family}:*"}
_machine: contextvars.ContextVar[str] = contextvars.ContextVar("machine_role", default="")
_execution_role: contextvars.ContextVar[str] = contextvars.ContextVar("execution_role", default="")


def apply() -> None:
    """Put a check before each of them."""
    _machines()
    _mappings()
    _destinations()
    _tasks()
    _passing()


def _machines() -> None:
    expect(stepfunctions._invoke_resource_with_timeout, "contextvars.copy_context().run, _invoke_resource")
    expect(stepfunctions._call_lambda, "lambda_svc._get_func_record_for_ref(func_ref)")

    def run_execution(arn: str) -> Any:
        execution = stepfunctions._executions.get(arn) or {}
        machine = stepfunctions._state_machines.get(execution.get("stateMachineArn")) or {}
        _machine.set(machine.get("roleArn", ""))
        try:
            for action in telling(machine):
                act(_machine.get(), "states", action, "*")
        except RefusedError as error:
            log.warning("%s is not told of: %s", arn, error)
        return stock_run(arn)

    def call_lambda(reference: str, event: Any) -> Any:
        if _machine.get():
            try:
                act(_machine.get(), "states", "lambda:InvokeFunction", reference)
            except RefusedError as error:
                raise stepfunctions._ExecutionError("Lambda.AWSLambdaException", str(error)) from None
        return stock_call(reference, event)

    stock_run = replace(stepfunctions, "_run_execution", run_execution)
    stock_call = replace(stepfunctions, "_call_lambda", call_lambda)


def telling(machine: JSON) -> list[str]:
    """What a machine's role needs for the logs and traces that the machine is to keep; a template writes the members with capitals."""
    logging_of, tracing = (
        {name.lower(): value for name, value in (machine.get(f"{kind}Configuration") or {}).items()} for kind in ("logging", "tracing")
    )
    return [*(DELIVERY if logging_of.get("destinations") else ()), *(TRACES if tracing.get("enabled") else ())]


def mapping_refusal(function: JSON, mapping: JSON) -> str | None:
    """Why a mapping cannot read its source or leave what fails, None when it can; the mapping says so too."""
    source, role = mapping["EventSourceArn"], (function.get("config") or function)["Role"]
    service = source.split(":")[2]
    try:
        for action in SOURCES[service]:
            act(role, "mapping", action, source)
        if service == "dynamodb":
            act(role, "mapping", "dynamodb:ListStreams", "*")
        left = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination", "")
        if ":sqs:" in left:
            act(role, "mapping", "sqs:SendMessage", left)
    except RefusedError as error:
        mapping["LastProcessingResult"] = f"PROBLEM: {error}"
        log.warning("%s", error)
        return str(error)
    return None


def _mappings() -> None:
    """Queues here, streams in the patch of theirs: a batch that may not be read stays where it is until its visibility times out."""
    expect(lambda_svc._poll_sqs, "esm_id, _run_sqs_batch, esm, func_rec,")

    def run_batch(mapping: JSON, function: JSON, *arguments: Any) -> Any:
        return None if mapping_refusal(function, mapping) else stock(mapping, function, *arguments)

    stock = replace(lambda_svc, "_run_sqs_batch", run_batch)
    replace(table_streams, "refusal", mapping_refusal)


def _destinations() -> None:
    """Lambda asks when the destination is configured, and an asynchronous invocation is the first to need it."""
    expect(lambda_svc.invoke_async_with_retry, 'func.get("event_invoke_config")')

    def invoke_async(function: JSON, event: Any) -> Any:
        config = function.get("event_invoke_config") or (function.get("event_invoke_configs") or {}).get("$LATEST") or {}
        left = ((config.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination", "")
        if ":sqs:" in left:
            try:
                act((function.get("config") or function)["Role"], "destination", "sqs:SendMessage", left)
            except RefusedError as error:
                log.warning("what fails will be lost: %s", error)
                config = {name: value for name, value in config.items() if name != "DestinationConfig"}
                function = function | {"event_invoke_config": config or {"MaximumRetryAttempts": 2}}
        return stock(function, event)

    stock = replace(lambda_svc, "invoke_async_with_retry", invoke_async)


def _tasks() -> None:
    expect(ecs._resolve_container_secrets, 'for secret in cdef.get("secrets", []):', "_SecretResolutionError")
    expect(ecs._start_awslogs_forwarder, "config = _awslogs_config(cdef, task_id, container.id)")

    def run_worker(task: JSON, *arguments: Any) -> Any:
        definition = ecs._task_defs.get(ecs._resolve_td_key(task["taskDefinitionArn"])) or {}
        _execution_role.set(definition.get("executionRoleArn") or "")
        return stock_worker(task, *arguments)

    def secrets(container: JSON) -> Any:
        for secret in container.get("secrets") or []:
            if _execution_role.get() and ":secretsmanager:" in secret.get("valueFrom", ""):
                try:
                    resource = ":".join(secret["valueFrom"].split(":")[:7])
                    act(_execution_role.get(), "ecs", "secretsmanager:GetSecretValue", resource)
                except RefusedError as error:
                    raise ecs._SecretResolutionError(str(error)) from None
        return stock_secrets(container)

    def start_logs(container: Any, definition: JSON, task_id: str) -> Any:
        options = (definition.get("logConfiguration") or {}).get("options") or {}
        if _execution_role.get() and options.get("awslogs-group"):
            stream = f"log-group:{options['awslogs-group']}:log-stream:{options.get('awslogs-stream-prefix')}/{definition['name']}"
            try:
                for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
                    act(_execution_role.get(), "ecs", action, f"arn:aws:logs:{get_region()}:{get_account_id()}:{stream}")
            except RefusedError as error:
                log.warning("a container's output is lost: %s", error)
                return None
        return stock_logs(container, definition, task_id)

    stock_worker = replace(ecs, "_run_task_worker", run_worker)
    stock_secrets = replace(ecs, "_resolve_container_secrets", secrets)
    stock_logs = replace(ecs, "_start_awslogs_forwarder", start_logs)


@dataclass(frozen=True)
class Need:
    """What a request needs beside its own action: `keys` are the condition keys, `kind` the service whose way of refusing it is."""

    action: str
    resource: str
    keys: JSON
    kind: str


def _passing() -> None:
    expect(app._dispatch_service_request, "denied = enforce(")
    dispatch = app._dispatch_service_request

    @functools.wraps(dispatch)  # so that the next patch finds the source that it expects
    async def dispatch_after_check(method: str, path: str, headers: JSON, body: bytes, query: Any, request_id: str) -> Any:
        for need in needs(method, path, headers, body) if app.AUTH else ():
            caller = extract_access_key_id(headers, query)
            refused = iam_evaluator.enforce(caller, need.action, need.action.split(":")[0], get_region(), need.resource, need.keys)
            if refused is not None and not isinstance(refused, iam_evaluator.AuthError):  # who it is, the call itself asks
                return access_denied_response(
                    need.kind, need.action, refused.principal_arn, request_id, headers=headers, resource_arn=need.resource,
                    explicit_deny=refused.decision == "Deny",
                )  # fmt: skip
        return await dispatch(method, path, headers, body, query, request_id)

    replace(app, "_dispatch_service_request", dispatch_after_check)


def needs(method: str, path: str, headers: JSON, body: bytes) -> list[Need]:
    """What a request needs for the roles that it hands on and for the tags that it gives to what it makes."""
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    scheduling = method in {"POST", "PUT"} and path.startswith("/schedules/")
    if operation not in {*PASSED, *TAGGED} and not scheduling:
        return []
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return []
    if scheduling:
        role = (request.get("Target") or {}).get("RoleArn")
        return [_pass(role, "scheduler.amazonaws.com", "scheduler")] if role else []
    return [*_passes(operation, request), *_tags(operation, request)]


def _passes(operation: str, request: JSON) -> Iterator[Need]:
    for name in PASSED.get(operation, ()):
        if request.get(name):
            yield _pass(request[name], "ecs-tasks.amazonaws.com", "ecs")


def _pass(role: str, service: str, kind: str) -> Need:
    return Need("iam:PassRole", role, {"iam:PassedToService": service}, kind)


def _tags(operation: str, request: JSON) -> Iterator[Need]:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/supported-iam-actions-tagging.html"""
    if operation in TAGGED and request.get("tags"):
        cluster = str(request.get("cluster") or "default").rsplit("/", 1)[-1]
        name = TAGGED[operation].format(**request | {"cluster": cluster})
        yield Need("ecs:TagResource", f"arn:aws:ecs:{get_region()}:{get_account_id()}:{name}", {"ecs:CreateAction": operation}, "ecs")
