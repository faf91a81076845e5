"""The sweep: whatever was lost costs time only, and where nothing is amiss nothing is written."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from kit.aws import client
from kit.errors import Transient
from kit.ledger import Announcer
from tests.fabric import world
from tests.fabric.crash import Crash, watching
from tests.functional.serving import samples
from tests.functional.serving.test_crashing import _age
from tests.functional.serving.world import TABLE, Serving

_WRITES = {"TransactWriteItems", "PutItem", "DeleteItem", "UpdateItem", "PutEvents", "UpdateService", "DeleteService", "StartExecution"}


def _sweep(serving: Serving) -> dict[str, Any]:
    done: dict[str, Any] = serving.run("sweep_models", {})
    serving.machines.advance(0)
    return done


def _announce_all(serving: Serving) -> None:
    """As the stream would have done."""
    for pk, sk in world.rows(TABLE):
        if pk.startswith("OUTBOX#"):
            client("dynamodb").delete_item(TableName=TABLE, Key={"pk": {"S": pk}, "sk": {"S": sk}})


def test_where_all_is_well_nothing_is_written(serving: Serving) -> None:
    """A provider model in service, a hosted one under way: reads only, once and again."""
    serving.create(samples.provider())
    serving.running()
    serving.pump()
    serving.hear("RouteChanged", samples.route("open", 1, model_id="claude"))
    _announce_all(serving)
    _mark(running=1)
    for _ in range(2):
        with watching() as watch:
            assert serving.run("sweep_models", {}) == {"announced": 0}
        assert {call.operation for call in watch.calls} & _WRITES == set()


def test_a_request_that_was_lost_on_the_way_is_taken_up(serving: Serving) -> None:
    """Neither stream nor queue delivered: announced, and its machine started."""
    serving.create()
    _age()
    assert _sweep(serving) == {"announced": 1, "restarted": 1}
    (execution,) = serving.machines.executions.values()
    assert execution.state == "AwaitValidation"


def test_an_execution_that_is_gone_is_replaced(serving: Serving) -> None:
    """Under a suffixed name, three times in all; then the operation fails with a code that says so."""
    _, accepted = serving.create()
    serving.pump()
    operation = accepted["operation_id"]
    for attempt in (operation, f"{operation}-2"):
        serving.machines.stop("provision", attempt)
        _age()
        assert _sweep(serving)["restarted"] == 1
    assert serving.machines.executions["provision", f"{operation}-3"].state == "AwaitValidation"
    serving.machines.stop("provision", f"{operation}-3")
    _age()
    assert _sweep(serving)["given_up"] == 1
    assert serving.operation(operation)["reason"]["code"] == "execution-lost"


def test_an_answer_that_was_lost_is_given_again(serving: Serving) -> None:
    """The route opened, and the function died before it told the machine: the sweep tells it."""
    serving.running()
    _hear_without_telling(serving)
    _age()
    _sweep(serving)
    assert serving.model()["status"] == "InService"


def test_an_operation_past_its_deadline_is_settled(serving: Serving) -> None:
    """Failed with the code of where it hung, its execution stopped, nothing left of it."""
    serving.running()
    operation = serving.model()["operation"]
    _age(deadline=True)
    assert _sweep(serving)["given_up"] == 1
    assert serving.operation(operation)["reason"]["code"] == "engine-start-timeout"
    assert serving.machines.executions["provision", operation].status == "ABORTED"
    assert (serving.services(), serving.definitions()) == ([], [])


def test_a_service_that_no_model_owns_is_removed(serving: Serving) -> None:
    """One that we made and gave up; one of somebody else's stays, whatever its name."""
    service = serving.running()
    _make_again(service, "slipway-test-somebody-elses")
    serving.ecs(samples.crashed(service, 5, 72))
    _make_again(service)
    assert set(serving.services()) == {service, "slipway-test-somebody-elses"}
    assert _sweep(serving)["orphans_removed"] == 1
    assert serving.services() == ["slipway-test-somebody-elses"]


def test_tasks_that_ecs_tells_nobody_of_are_looked_at(serving: Serving) -> None:
    """The RUNNING that never came, and the STOPPED that never came."""
    service = serving.in_service()
    assert serving.model()["tasks"]
    _mark(running=0)
    assert _sweep(serving)["observed"] == 1
    assert serving.model()["tasks"] == []
    assert world.told(TABLE)[-1] == "CapacityChanged"
    assert service in serving.services()


def test_one_model_that_cannot_be_swept_does_not_keep_the_others_waiting(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are seen to; the failure is raised at the end."""
    serving.create(samples.hosted("aaa"))
    serving.create(samples.hosted("bbb"))
    _age()
    start = serving.machines.start

    def refuse_one(machine: str, name: str, data: Any) -> Any:
        if data["model_id"] == "aaa":
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "StartExecution")
        return start(machine, name, data)

    monkeypatch.setattr(serving.machines, "start", refuse_one)
    with pytest.raises(Transient, match="sweep-incomplete: 1 could not be swept"):
        serving.run("sweep_models", {})
    assert len(serving.machines.executions) == 1


def test_a_bus_that_takes_nothing_does_not_stop_the_sweep(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be announced is raised at the end; operations are carried on all the same."""
    serving.create()
    _age()

    def refuse(self: Announcer) -> int:
        raise Transient("bus-unreachable", "the bus did not take 1 events")

    monkeypatch.setattr(Announcer, "announce_forgotten", refuse)
    with pytest.raises(Transient, match="what was forgotten"):
        serving.run("sweep_models", {})
    assert len(serving.machines.executions) == 1


def test_an_image_that_takes_long_to_come_is_waited_for(serving: Serving) -> None:
    """ECS has a copy that does not run yet and is silent for longer than a heartbeat lasts: the sweep looks, the machine waits on."""
    serving.create()
    serving.pump()
    serving.hear("ModelVersionValidated", samples.validated(), within=serving.model()["operation"])
    _mark(running=0, pending=1)
    _age()
    for _ in range(3):
        serving.machines.advance(1000)
        _sweep(serving)
    assert serving.model()["status"] == "Creating"
    _mark(running=0)
    _sweep(serving)
    serving.machines.advance(1201)
    assert serving.model()["failure"]["code"] == "engine-start-timeout"


def _mark(*, running: int, pending: int = 0) -> None:
    """Let ECS count as many running tasks as we do: the small AWS starts none by itself."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.ecs import ecs_backends

    for found in ecs_backends[DEFAULT_ACCOUNT_ID][world.REGION].services.values():
        found.running_count, found.pending_count = running, pending


def _hear_without_telling(serving: Serving) -> None:
    """Deliver the open route to a function that dies before it answers the token."""
    event = serving.event("RouteChanged", samples.route("open", 2))
    number = 0
    while True:
        try:
            with watching(number, "before") as watch:
                serving.run("on_route_changed", event)
        except Crash:
            if watch.calls[-1].operation == "SendTaskSuccess":
                return
        number += 1


def _make_again(service: str, name: str | None = None) -> None:
    ecs = client("ecs")
    arn = ecs.register_task_definition(family=name or service, containerDefinitions=[{"name": "x", "image": "x", "memory": 64}])
    ecs.create_service(
        cluster="cluster", serviceName=name or service, taskDefinition=arn["taskDefinition"]["taskDefinitionArn"], desiredCount=0
    )
