"""The sweep: whatever was lost costs time only, and where nothing is amiss nothing is written."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from kit.aws import client
from kit.errors import Transient
from kit.ledger import Announcer
from serving.adapters.store import TableStore
from serving.domain.operation import Operation
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
    """The STOPPED that never came of a copy that ECS has forgotten; one that it does not know yet, or not here, is left alone."""
    service = serving.in_service()
    assert serving.model()["tasks"]
    _mark(running=0)
    assert "observed" not in _sweep(serving)
    _know_for_long()
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


def _know_for_long() -> None:
    """Let every copy have been there for more than the time for which ECS tells of those that stopped."""
    table = client("dynamodb")
    for item in world.images(TABLE):
        text = item["document"]["S"]
        table.put_item(TableName=TABLE, Item=item | {"document": {"S": text.replace('"known_since":"20', '"known_since":"19')}})


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


def test_what_routing_never_heard_is_told_again(serving: Serving) -> None:
    """A copy has taken another's place and the word of it was lost: the sweep says it again, until routing's answer shows that it knows."""
    service = serving.in_service()
    serving.ecs(samples.crashed(service, 5, 80))
    serving.ecs(samples.task_event(service, "RUNNING", 3, task="b" * 32))
    before = len(world.told(TABLE))
    assert serving.run("sweep_models", {})["told_again"] == 1
    told = world.ledger(TABLE)[-1]
    assert (len(world.told(TABLE)), told["event_type"], told["metadata"]["actor"]) == (before + 1, "CapacityChanged", "sweep")
    assert [target["target_id"] for target in told["data"]["targets"]] == ["b" * 32]
    serving.hear("RouteChanged", samples.route("open", 5, targets=("b" * 32,)))
    assert "told_again" not in serving.run("sweep_models", {})


@pytest.mark.parametrize("command", ["stop_model", "delete_model"])
def test_a_farewell_that_routing_never_heard_is_told_again(serving: Serving, command: str) -> None:
    """The machine waits for the route to close; after a minute of silence the request for it is repeated."""
    serving.in_service()
    serving.on_model(command)
    serving.pump()
    asked = world.told(TABLE)[-1]
    _make_older(serving)
    assert serving.run("sweep_models", {})["told_again"] == 1
    assert world.told(TABLE)[-2:] == [asked, asked]
    assert "told_again" not in serving.run("sweep_models", {})


def test_a_change_that_routing_never_heard_is_told_again(serving: Serving) -> None:
    """A hot change waits for the routers; what they need to know of it comes again, with all that the route holds."""
    serving.in_service()
    path = {"model_id": samples.MODEL_ID}
    serving.http("update_model", "PATCH", "/x", path_parameters=path, body={"description": "The small one"})
    serving.pump()
    _make_older(serving)
    assert serving.run("sweep_models", {})["told_again"] == 1
    told = world.ledger(TABLE)[-1]
    assert (told["event_type"], told["data"]["generation"], told["data"]["model"]["description"]) == ("CapacityChanged", 2, "The small one")


def test_what_another_sweep_has_just_told_again_is_not_told_once_more(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list that a sweep works off may be older than another sweep's word; what counts is the row as it is then."""
    serving.in_service()
    serving.on_model("stop_model")
    serving.pump()
    _make_older(serving)
    fresh = TableStore.running_operations
    listed: list[Operation] = []

    def listing(store: TableStore) -> Iterator[Operation]:
        listed[:] = listed or fresh(store)
        yield from listed

    monkeypatch.setattr(TableStore, "running_operations", listing)
    assert serving.run("sweep_models", {})["told_again"] == 1
    assert "told_again" not in serving.run("sweep_models", {})


def _make_older(serving: Serving) -> None:
    """The operation under way was last heard of long ago."""
    operation = serving.model()["operation"]
    item = next(item for item in world.images(TABLE) if item["pk"]["S"] == f"OPERATION#{operation}")
    text = item["document"]["S"].replace('"updated_at":"20', '"updated_at":"19')
    client("dynamodb").put_item(TableName=TABLE, Item=item | {"document": {"S": text}})
