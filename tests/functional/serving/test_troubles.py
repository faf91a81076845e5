"""Events of ECS and EC2 about shortages, hosts that go and services that do not start, through the functions that hear of them."""

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from kit.aws import client
from tests.fabric import world
from tests.fabric.crash import watching
from tests.functional.serving import aws_events, samples
from tests.functional.serving.hosts import ecs_says, host_with_task
from tests.functional.serving.test_crashing import _age
from tests.functional.serving.world import TABLE, Serving


def _launching(serving: Serving) -> str:
    """A hosted model whose service has been made, and that has no task yet. The service's name."""
    _, accepted = serving.create()
    serving.pump()
    serving.hear("ModelVersionValidated", samples.validated(), within=accepted["operation_id"])
    (service,) = serving.services()
    return service


def _hear(serving: Serving, event: Mapping[str, Any]) -> None:
    function = "on_engine_host_interrupted" if event["source"] == "aws.ec2" else "on_engine_service_changed"
    serving.run(function, dict(event))
    serving.machines.advance(0)


def _condition(serving: Serving, kind: str = "CapacityAvailable") -> tuple[str, str]:
    (found,) = [c for c in serving.on_model("read_model")[1]["conditions"] if c["type"] == kind]
    return found["status"], found["reason"]


def _operation(serving: Serving) -> dict[str, Any]:
    given = {"operation_id": serving.model()["operation"]}
    body: dict[str, Any] = serving.http("read_operation", "GET", "/x", path_parameters=given)[1]
    return body


def _short(service: str, reason: str = "RESOURCE:GPU") -> dict[str, Any]:
    return aws_events.service_action(service, "SERVICE_TASK_PLACEMENT_FAILURE", reason)


def test_a_shortage_shows_in_condition_operation_timeline_and_event(serving: Serving) -> None:
    """And keeps the machine patient until the task has found its place; then it is over, and the model comes into service."""
    service = _launching(serving)
    for _ in range(3):
        serving.machines.advance(1000)  # three quarters of the machine's patience, three times
        _hear(serving, _short(service))
    assert _condition(serving) == ("False", "CapacityUnavailable")
    assert _operation(serving)["phase"] == "waiting-for-capacity"
    assert world.told(TABLE) == ["ModelRequested", "ModelDegraded"]
    degraded = serving.on_model("list_model_events")[1]["items"][-1]
    assert (degraded["actor"], degraded["data"]["failure"]["code"]) == ("ecs", "capacity-unavailable")
    assert "RESOURCE:GPU" in degraded["data"]["failure"]["message"]
    assert degraded["data"]["failure"]["hint"]
    serving.ecs(samples.task_event(service, "RUNNING", 3))
    assert _condition(serving)[0] == "True"
    serving.hear("RouteChanged", samples.route("open", 2))
    assert serving.model()["status"] == "InService"
    assert world.told(TABLE) == ["ModelRequested", "ModelDegraded", "CapacityChanged", "ModelRecovered", "ModelInService"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (aws_events.VCPU_LIMIT, "quota-exceeded"),
        (aws_events.SPOT_LIMIT, "spot-quota-exceeded"),
        (aws_events.UNFULFILLABLE, "capacity-unavailable"),
    ],
)
def test_ec2s_answer_is_read_from_the_services_messages(serving: Serving, message: str, code: str) -> None:
    """Managed instances say why a purchase failed there alone; an older message says nothing of today."""
    service = _launching(serving)
    ecs_says(service, aws_events.NO_PLACE, minutes_ago=40)
    ecs_says(service, message)
    _hear(serving, aws_events.service_action(service, "SERVICE_TASK_PLACEMENT_FAILURE"))
    (degraded,) = [fact for fact in world.ledger(TABLE) if fact["event_type"] == "ModelDegraded"]
    assert degraded["data"]["failure"]["code"] == code
    assert message in degraded["data"]["failure"]["message"]


def test_a_shortage_that_lasts_ends_with_the_deadline_and_its_own_code(serving: Serving) -> None:
    """Nothing is left that costs, and the reason is not just that time was up."""
    service = _launching(serving)
    _hear(serving, _short(service, aws_events.VCPU_LIMIT))
    _age(deadline=True)
    serving.run("sweep_models", {})
    serving.machines.advance(0)
    model = serving.model()
    assert (model["status"], model["failure"]["code"]) == ("Failed", "quota-exceeded")
    assert (serving.services(), serving.definitions()) == ([], [])


def test_the_sweep_keeps_a_machine_patient_that_waits_for_capacity(serving: Serving) -> None:
    """ECS may be silent for longer than a heartbeat lasts; only the deadline counts."""
    service = _launching(serving)
    _hear(serving, _short(service))
    for _ in range(3):
        serving.machines.advance(1000)
        _age()
        serving.run("sweep_models", {})
    assert serving.model()["status"] == "Creating"


def test_throttling_is_waited_out(serving: Serving) -> None:
    """AWS's doing: named, and no failed start."""
    _hear(serving, aws_events.service_action(_launching(serving), "ECS_OPERATION_THROTTLED"))
    assert _condition(serving) == ("False", "EcsThrottled")
    assert serving.model()["failed_starts"] == []


def test_what_ecs_gives_up_fails_with_what_the_tasks_died_of(serving: Serving) -> None:
    """The breaker's event is the net below our own count, for when an event about a task was lost."""
    service = _launching(serving)
    event = samples.crashed(service, 2, 0, reason="CannotPullContainerError: pull access denied")
    event["detail"]["stopCode"] = "TaskFailedToStart"
    del event["detail"]["containers"][0]["exitCode"]
    serving.ecs(event)
    _hear(serving, aws_events.deployment_failed(service))
    model = serving.model()
    assert (model["status"], model["failure"]["code"]) == ("Failed", "image-pull-failed")


@pytest.mark.parametrize(
    ("event", "code"),
    [("SERVICE_DEPLOYMENT_FAILED", "deployment-failed"), ("SERVICE_TASK_CONFIGURATION_FAILURE", "task-configuration-invalid")],
)
def test_what_ecs_gives_up_without_a_word_of_tasks_fails_all_the_same(serving: Serving, event: str, code: str) -> None:
    """With a code and a hint of its own."""
    _hear(serving, aws_events.service_action(_launching(serving), event, "it does not work"))
    model = serving.model()
    assert (model["status"], model["failure"]["code"]) == ("Failed", code)
    assert model["failure"]["hint"]


def test_an_impaired_start_is_told(serving: Serving) -> None:
    """Degraded, not failed: the count of failed starts decides."""
    _hear(serving, aws_events.service_action(_launching(serving), "SERVICE_TASK_START_IMPAIRED"))
    assert (_condition(serving), serving.model()["status"]) == (("False", "StartImpaired"), "Creating")


def test_a_service_of_nobody_is_nobodys_news(serving: Serving) -> None:
    """Another environment's, or one that is long gone: nothing is asked and nothing written."""
    with watching() as watch:
        _hear(serving, _short("slipway-test-unknown-1-0-0-g1"))
    assert [call.operation for call in watch.calls] == ["GetItem"]


def test_a_host_that_goes_is_told_to_routing_before_it_goes(serving: Serving) -> None:
    """Where another copy can take over; ECS replaces the one that is left."""
    service = _launching(serving)
    serving.ecs(samples.task_event(service, "RUNNING", 3, task="t" * 32))
    instance, task = host_with_task(service)
    serving.ecs(samples.task_event(service, "RUNNING", 3, task=task))
    before = world.told(TABLE).count("CapacityChanged")
    _hear(serving, aws_events.interruption(instance))
    told = [fact for fact in world.ledger(TABLE) if fact["event_type"] == "CapacityChanged"]
    assert len(told) == before + 1
    assert {t["target_id"]: t["status"] for t in told[-1]["data"]["targets"]} == {"t" * 32: "running", task: "stopping"}
    assert _condition(serving) == ("False", "SpotInterrupted")
    _hear(serving, aws_events.interruption(instance))
    assert world.told(TABLE).count("CapacityChanged") == before + 1


def test_a_host_at_risk_is_named(serving: Serving) -> None:
    """Nothing moves yet."""
    service = _launching(serving)
    instance, task = host_with_task(service)
    serving.ecs(samples.task_event(service, "RUNNING", 3, task=task))
    facts = world.told(TABLE)
    _hear(serving, aws_events.rebalance(instance))
    assert _condition(serving) == ("True", "InterruptionLikely")
    assert world.told(TABLE) == facts


def test_hosts_of_others_are_let_be(serving: Serving) -> None:
    """EC2 tells of every instance of the account."""
    service = _launching(serving)
    host_with_task("another-service")
    instance, _ = host_with_task(service)
    before = serving.model()
    _hear(serving, aws_events.interruption("i-0123456789abcdef0"))
    _hear(serving, aws_events.interruption(instance))  # of a task that nobody has told us of yet
    assert serving.model() == before


def test_an_engine_that_keeps_dying_in_service_is_named_and_goes_on_serving(serving: Serving) -> None:
    """Condition and timeline say so; the status stays, and so does the service."""
    service = serving.in_service()
    tasks = ["a" * 32, "b" * 32, "c" * 32, "d" * 32]
    for task, following in pairwise(tasks):
        serving.ecs(samples.crashed(service, 5, 80, task=task))
        serving.ecs(samples.task_event(service, "RUNNING", 3, task=following))
    assert _condition(serving, "EngineReady") == ("False", "HealthFlapping")
    assert (serving.model()["status"], serving.services()) == ("InService", [service])
    assert world.told(TABLE).count("ModelDegraded") == 1


def test_a_model_whose_copies_only_die_is_stopped(serving: Serving) -> None:
    """Nobody is served by trying on, and each try costs: the platform stops it, and the timeline says why."""
    service = serving.in_service()
    tasks = ["a" * 32, "b" * 32, "c" * 32, "d" * 32]
    serving.ecs(samples.crashed(service, 5, 80, task=tasks[0]))
    serving.hear("RouteChanged", samples.route("probing", 3))
    for task in tasks[1:]:
        assert serving.model()["status"] == "InService"
        serving.ecs(samples.task_event(service, "RUNNING", 3, task=task))
        serving.ecs(samples.crashed(service, 5, 80, task=task))
    assert serving.model()["status"] == "Stopping"
    requested = [fact for fact in world.ledger(TABLE) if fact["event_type"] == "ModelStopRequested"]
    assert [fact["metadata"]["actor"] for fact in requested] == ["ecs"]
    assert "ModelDegraded" in world.told(TABLE)


def test_an_engine_that_has_calmed_is_ready_again(serving: Serving) -> None:
    """Nothing tells of that but time: the sweep asks, and writes once."""
    service = serving.in_service()
    for task, following in (("a" * 32, "b" * 32), ("b" * 32, "c" * 32), ("c" * 32, "d" * 32)):
        serving.ecs(samples.crashed(service, 5, 80, task=task))
        serving.ecs(samples.task_event(service, "RUNNING", 3, task=following))
    serving.hear("RouteChanged", samples.route("open", 9, targets=("d" * 32,)))
    table, key = client("dynamodb"), {"pk": {"S": f"MODEL#{samples.MODEL_ID}"}, "sk": {"S": "MODEL"}}
    row = table.get_item(TableName=TABLE, Key=key)["Item"]
    document = json.loads(row["document"]["S"])
    document["deaths"] = [moment.replace("20", "19", 1) for moment in document["deaths"]]
    table.put_item(TableName=TABLE, Item=row | {"document": {"S": json.dumps(document)}})
    assert serving.run("sweep_models", {})["calmed"] == 1
    assert _condition(serving, "EngineReady") == ("True", "AnsweredACompletion")
    assert world.told(TABLE).count("ModelRecovered") == 1
    assert "calmed" not in serving.run("sweep_models", {})
