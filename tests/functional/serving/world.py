"""Serving in a small AWS: table and bus and ECS by moto, state machines by our interpreter, every function by its own handler."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from moto.ecs.models import EC2ContainerServiceBackend

from kit.aws import client
from serving import wiring
from tests.fabric import asl, world
from tests.fabric.stepfunctions import ARN, StepFunctionsApi, lambda_like, stepfunctions
from tests.fabric.wire import Context, bus_event, envelope_of, http_event, queue_event
from tests.functional.serving import hosts, samples

TABLE = "models"
MACHINES = Path("statemachines/serving")
_CLUSTER = "arn:aws:ecs:eu-west-1:123456789012:cluster/cluster"
_ENVIRONMENT = {
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",  # nobody starts instances here, and loading them takes longer than all the rest
    "POWERTOOLS_SERVICE_NAME": "serving",
    "MODEL_TABLE": TABLE,
    "PROVISION_MACHINE_ARN": f"{ARN}provision",
    "UPDATE_MACHINE_ARN": f"{ARN}update",
    "STOP_MACHINE_ARN": f"{ARN}stop",
    "RETIRE_MACHINE_ARN": f"{ARN}retire",
    "CLUSTER_ARN": _CLUSTER,
    "ENGINE_TASK_ROLE_ARN": "arn:aws:iam::123456789012:role/task",
    "ENGINE_EXECUTION_ROLE_ARN": "arn:aws:iam::123456789012:role/execution",
    "ENGINE_KEY_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:engine-key-abcdef",
    "ENGINE_LOG_GROUP": "/slipway/engines",
    "ENGINE_GPU_CAPACITY_PROVIDER": "gpus",
    "ENGINE_IMAGE_LLAMA_CPP": "slipway/engine-llama-cpp:local",
    "ENGINE_IMAGE_VLLM": "slipway/engine-vllm:local",
    "API_BASE_ALLOW_LIST": "llm.internal",
    "ARTIFACT_BUCKET": "slipway-artifacts",
    "ARTIFACT_BUCKET_OWNER": "123456789012",
    "ENGINE_GPU_INSTANCE_TYPES": "g5.*,g6.*,g6e.*",
    "ALARM_GROUP": "alarms",
    "ALARM_FUNCTION_ARN": "arn:aws:lambda:eu-west-1:123456789012:function:slipway-test-apply-schedule",
    "ALARM_ROLE_ARN": "arn:aws:iam::123456789012:role/alarm",
    "DEAD_LETTERS_ARN": "arn:aws:sqs:eu-west-1:123456789012:dead",
}
Principal = Mapping[str, Any]
_QUEUED = {"ModelRequested": "on_model_requested", "ModelDeletionRequested": "on_model_deletion_requested"}
_HEARD = {"ModelUpdated": "on_model_updated", "ModelStopRequested": "on_model_stop_requested"}
_SOURCES = {"ModelVersion": "registry", "Route": "routing", "Load": "routing", "ModelWake": "routing"}


class Serving:
    """What tests do to serving, and what they see of it."""

    def __init__(self) -> None:
        definitions = {name: asl.load(MACHINES / f"{name}_model.asl.yaml") for name in ("provision", "update", "stop", "retire")}
        self.machines = asl.StateMachines(definitions, lambda_like(self._step))
        self._delivered: set[str] = set()
        self._events = 0
        self.alive: set[str] = set()
        self.ended: set[str] = set()
        self.host = ""  # an EC2 instance, where a test has put one under a task

    def run(self, function: str, message: Any) -> Any:
        """One function by its handler."""
        return import_module(f"functions.serving.{function}.handler").handler(message, Context())

    def http(self, function: str, method: str, path: str, caller: Principal = samples.RESEARCHER, **more: Any) -> tuple[int, Any, Any]:
        """Status, body and headers of one request."""
        answer = self.run(function, http_event(method, path, principal=caller, **more))
        return answer["statusCode"], json.loads(answer["body"]), answer["headers"]

    def create(self, body: Any = None, caller: Principal = samples.RESEARCHER, key: str | None = None) -> tuple[int, Any]:
        """`POST /models`: status and body."""
        headers = {"idempotency-key": key} if key else {}
        return self.http("create_model", "POST", "/models", caller, body=body or samples.hosted(), headers=headers)[:2]

    def on_model(
        self, function: str, model_id: str = samples.MODEL_ID, caller: Principal = samples.RESEARCHER, if_match: str | None = None
    ) -> tuple[int, Any]:
        """A request about one model: status and body."""
        headers = {"if-match": if_match} if if_match else {}
        return self.http(function, "X", f"/models/{model_id}", caller, path_parameters={"model_id": model_id}, headers=headers)[:2]

    def operation(self, operation_id: str) -> dict[str, Any]:
        """The operation's row."""
        return world.rows(TABLE)[f"OPERATION#{operation_id}", "OPERATION"]

    def model(self, model_id: str = samples.MODEL_ID) -> dict[str, Any]:
        """The model's row."""
        return world.rows(TABLE)[f"MODEL#{model_id}", "MODEL"]

    def pump(self) -> None:
        """Deliver serving's own requests to its queues, and let the machines run as far as they get."""
        for fact in world.ledger(TABLE):
            queued, heard = _QUEUED.get(fact["event_type"]), _HEARD.get(fact["event_type"])
            if not (queued or heard) or fact["metadata"]["id"] in self._delivered:
                continue
            self._delivered.add(fact["metadata"]["id"])
            if queued:
                self.run(queued, queue_event([own_event(fact)]))
            elif heard:
                self.run(heard, own_event(fact))
        self.machines.advance(0)

    def hear(self, event_type: str, data: Mapping[str, Any], *, event_id: str | None = None, within: str | None = None) -> None:
        """Deliver another context's event to the function that reacts to it, and let the machines run. `within` is an operation's id."""
        self.run(reaction(event_type), self.event(event_type, data, event_id=event_id, within=within))
        self.machines.advance(0)

    def event(self, event_type: str, data: Mapping[str, Any], *, event_id: str | None = None, within: str | None = None) -> dict[str, Any]:
        """The same, undelivered."""
        self._events += 1
        producer = next(context for sign, context in _SOURCES.items() if event_type.startswith(sign))
        identity = event_id or f"01KAHV5X3V8Q4T1N6F2R7C{self._events:04d}"
        event = bus_event(envelope_of(event_type, data, producer=producer, event_id=identity))
        if within:
            event["detail"]["metadata"]["correlation_id"] = within
        return event

    def ecs(self, event: Mapping[str, Any]) -> None:
        """Deliver an event of ECS, and let the machines run."""
        task = event["detail"]["taskArn"].rsplit("/", 1)[-1]
        (self.alive.discard if event["detail"]["lastStatus"] == "STOPPED" else self.alive.add)(task)
        assert self.run("on_engine_task_changed", queue_event([event])) == {"batchItemFailures": []}
        self.machines.advance(0)

    def services(self) -> list[str]:
        """Names of ECS services that are not gone."""
        ecs = client("ecs")
        arns = ecs.list_services(cluster=_CLUSTER)["serviceArns"]
        found = ecs.describe_services(cluster=_CLUSTER, services=arns)["services"] if arns else []
        return [service["serviceName"] for service in found if service["status"] == "ACTIVE"]

    def desired(self, service: str) -> int:
        """How many tasks ECS is to run of a service."""
        return int(client("ecs").describe_services(cluster=_CLUSTER, services=[service])["services"][0]["desiredCount"])

    def definitions(self) -> list[str]:
        """Task definitions that are still registered."""
        return [arn.rsplit("/", 1)[-1] for arn in client("ecs").list_task_definitions(status="ACTIVE")["taskDefinitionArns"]]

    def running(self) -> str:
        """A hosted model up to its engine running: creation accepted, artefact validated, service made, task RUNNING. Its name."""
        _, accepted = self.create()
        self.pump()
        self.hear("ModelVersionValidated", samples.validated(), within=accepted["operation_id"])
        service = str(self.model()["deployments"][-1]["service"])
        self.ecs(samples.task_event(service, "RUNNING", 3))
        return service

    def in_service(self) -> str:
        """A hosted model in service. Its ECS service's name."""
        service = self.running()
        self.hear("RouteChanged", samples.route("open", 2))
        assert self.model()["status"] == "InService"
        return service

    def order(self, **more: str) -> dict[str, Any]:
        """What a machine would hand to a step of the operation in flight."""
        model = self.model()
        return {"operation_id": model["operation"], "model_id": model["model_id"], "generation": model["generation"], **more}

    def outcome(self) -> dict[str, Any]:
        """Everything that two equal runs have in common, once the machines have got as far as they get."""
        self.machines.advance(0)
        executions = sorted((machine, e.status, e.state) for (machine, _), e in self.machines.executions.items())
        return {
            "rows": [_unlocked(row) for row in world.settled(TABLE)],
            "services": sorted(self.services()),
            "ended": sorted(self.ended),
            "alarms": sorted(alarm["Name"] for alarm in client("scheduler").list_schedules(GroupName="alarms")["Schedules"]),
            "definitions": sorted(self.definitions()),
            "executions": executions,
        }

    def _step(self, logical_id: str, payload: Any) -> Any:
        words = "".join(f"_{c.lower()}" if c.isupper() else c for c in logical_id.removeprefix("Serving").removesuffix("FunctionArn"))
        return self.run(words.lstrip("_"), payload)


def _unlocked(row: dict[str, Any]) -> dict[str, Any]:
    """Without the counters of optimistic locks, which a repeated write may raise, of digests of fresh ids, and of measured times."""
    measured = {"edition", "digest", "start_seconds"}
    document = {name: value for name, value in json.loads(row["document"]).items() if name not in measured}
    if isinstance(document.get("data"), dict):
        document["data"] = {name: value for name, value in document["data"].items() if name != "expected_start_seconds"}
    return {name: value for name, value in row.items() if name != "edition"} | {"document": document}


def reaction(event_type: str) -> str:
    """The function that reacts to an event."""
    return "on" + "".join(f"_{c.lower()}" if c.isupper() else c for c in event_type)


def own_event(fact: Mapping[str, Any]) -> dict[str, Any]:
    """The bus event of a ledger row."""
    return bus_event(envelope_of(fact["event_type"], fact["data"])) | {"detail": {"metadata": fact["metadata"], "data": fact["data"]}}


@contextmanager
def serving_world() -> Iterator[Serving]:
    """A fresh AWS with nothing in it but an empty table and a cluster."""
    with world.small_aws(_ENVIRONMENT):
        world.forget(wiring)
        world.create_table(TABLE)
        client("ecs").create_cluster(clusterName="cluster")
        client("scheduler").create_schedule_group(Name="alarms")
        network = client("ec2")  # the small AWS gives the environment back as it was
        os.environ["ENGINE_SUBNETS"] = network.describe_subnets()["Subnets"][0]["SubnetId"]
        os.environ["ENGINE_SECURITY_GROUPS"] = network.describe_security_groups()["SecurityGroups"][0]["GroupId"]
        serving = Serving()
        ending = patch.object(EC2ContainerServiceBackend, "stop_task", hosts.stop_task(serving.alive, serving.ended))
        with ending, stepfunctions(StepFunctionsApi(serving.machines)):
            yield serving
    world.forget(wiring)
