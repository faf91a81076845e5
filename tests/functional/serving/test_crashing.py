"""Whatever call to AWS a function of serving dies before or after, delivering its message again leads to the same end."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from kit.aws import client
from tests.fabric import world
from tests.fabric.crash import Crash, sweep, watching
from tests.fabric.wire import http_event, queue_event, stream_event
from tests.functional.serving import aws_events, load, samples, scheduled
from tests.functional.serving.changing import RESTART, acknowledged, patch, told_by_routing
from tests.functional.serving.hosts import host_with_task
from tests.functional.serving.world import TABLE, Serving, own_event, reaction, serving_world

_KEY = {"idempotency-key": "once"}
_PATH = {"model_id": samples.MODEL_ID}
_USER = _PATH | {"kind": "repository", "user_id": "handbook"}
_EVENT = "01KAHV5X3V8Q4T1N6F2R7C9999"
Act = Callable[[Serving], Any]


def _nothing(serving: Serving) -> None:
    """A world in which nothing has happened."""


def _created(serving: Serving) -> None:
    serving.create()


def _used(serving: Serving) -> None:
    serving.create()
    serving.http("add_model_user", "PUT", "/x", path_parameters=_USER, body={"name": "Handbook"})


def _validating(serving: Serving) -> None:
    serving.create()
    serving.pump()


def _running(serving: Serving) -> None:
    serving.running()


def _failed(serving: Serving) -> None:
    serving.ecs(samples.crashed(serving.running(), 5, 72))


def _in_service(serving: Serving) -> None:
    serving.in_service()


def _launching(serving: Serving) -> None:
    """A service that has no task yet."""
    _, accepted = serving.create()
    serving.pump()
    serving.hear("ModelVersionValidated", samples.validated(), within=accepted["operation_id"])


BEYOND_HOPE = samples.health("failed", failure={"code": "engine-answer-invalid", "message": "no", "hint": ""})


def _condemned(serving: Serving) -> None:
    """In service, and its copy is to be replaced, which nobody has asked ECS for."""
    serving.in_service()
    with pytest.raises(Crash), watching(3, "before") as watch:
        serving.hear("RouteHealthObserved", BEYOND_HOPE)
    assert watch.calls[-1].operation == "StopTask"


def _dying(serving: Serving) -> None:
    """In service, and two copies have died one after the other before they could answer; a third one runs."""
    service = serving.in_service()
    serving.ecs(samples.crashed(service, 5, 80))
    serving.hear("RouteChanged", samples.route("probing", 3))
    for task in ("b" * 32, "c" * 32):
        serving.ecs(samples.task_event(service, "RUNNING", 3, task=task))
        serving.ecs(samples.crashed(service, 5, 80, task=task))
    serving.ecs(samples.task_event(service, "RUNNING", 3, task="d" * 32))


def _two_copies(serving: Serving) -> None:
    """In service with a second copy, on an instance of its own."""
    service = serving.in_service()
    instance, task = host_with_task(service)
    serving.ecs(samples.task_event(service, "RUNNING", 3, task=task))
    serving.host = instance


def _deleting(serving: Serving) -> None:
    serving.in_service()
    serving.on_model("delete_model")
    serving.pump()


def _superseding(serving: Serving) -> None:
    serving.running()
    serving.on_model("delete_model")


def _stopping(serving: Serving) -> None:
    _deleting(serving)
    serving.hear("RouteChanged", samples.route("closed", 3, generation=2))


def _serving(serving: Serving) -> None:
    load.in_service(serving)


def _asleep(serving: Serving) -> None:
    load.in_service(serving)
    load.asleep()


def _falling_asleep(serving: Serving) -> None:
    load.in_service(serving)
    load.fall_asleep(serving)


def _asleep_and_asked_for(serving: Serving) -> None:
    _falling_asleep(serving)
    load.hear(serving, "ModelWakeRequested", load.wake())
    load.asleep()


def _idle(serving: Serving) -> None:
    load.in_service(serving, idle_minutes=1)
    load.opened(3600)


def _lost(serving: Serving) -> None:
    """A creation whose execution nobody started, and facts that nobody announced."""
    serving.create()
    _age()


def _late(serving: Serving) -> None:
    """A creation past its deadline, with a service, and an orphan beside it."""
    serving.running()
    _age(deadline=True)


_OPEN, _CLOSED = scheduled.around_now(-2, 2), scheduled.around_now(-4, -2)


def _open(serving: Serving) -> None:
    """In service, by a schedule whose window is open."""
    serving.in_service()
    scheduled.give(serving, _OPEN)


def _opening(serving: Serving) -> None:
    """Stopped, in a window of whose opening nobody has heard."""
    _open(serving)
    scheduled.stand(serving, "Stopped")
    scheduled.settled_long_ago()


def _closing(serving: Serving) -> None:
    """In service after a window of whose closing nobody has heard."""
    serving.in_service()
    scheduled.give(serving, _CLOSED)
    scheduled.stand(serving, "InService", start_seconds=[])  # how long it took differs between two worlds, and is told with the stop
    scheduled.settled_long_ago()


def _in_service_by_windows(serving: Serving) -> None:
    """With a schedule that nobody has heard of."""
    serving.in_service()
    assert scheduled.request(serving, "set_schedule", "PUT", body=_OPEN)[0] == 202


def _no_longer_by_windows(serving: Serving) -> None:
    """Without one any more, which nobody has heard of."""
    _open(serving)
    assert scheduled.request(serving, "remove_schedule", "DELETE")[0] == 202


def _going_with_a_schedule(serving: Serving) -> None:
    """Being deleted, its alarm still set."""
    _open(serving)
    serving.on_model("delete_model")


def _stopped(serving: Serving) -> None:
    service = serving.in_service()
    serving.on_model("stop_model")
    serving.pump()
    told_by_routing(serving, 3, state="closed")
    serving.ecs(samples.task_event(service, "STOPPED", 6, desired="STOPPED", stopCode="ServiceSchedulerInitiated"))


def _halting(serving: Serving) -> None:
    serving.in_service()
    serving.on_model("stop_model")
    serving.pump()


def _halted(serving: Serving) -> None:
    _halting(serving)
    told_by_routing(serving, 3, state="closed")


def _updating(serving: Serving) -> None:
    """A hot change under way."""
    serving.in_service()
    patch(serving, {"description": "The small one"})


def _scaling(serving: Serving) -> None:
    """A second copy is asked for."""
    serving.in_service()
    patch(serving, {"capacity": {"max": 2, "desired": 2}})


def _surging(serving: Serving) -> None:
    """New copies beside the old, which answer already."""
    serving.in_service()
    told_by_routing(serving, 3, "a" * 32)
    acknowledged(serving, RESTART)
    serving.ecs(samples.task_event("slipway-test-smollm2-135m-1-0-0-g2", "RUNNING", 3, task="b" * 32))


def _restarting(serving: Serving) -> None:
    """A restart in place: the old copies are to end."""
    serving.in_service()
    table = client("dynamodb")
    acknowledged(serving, RESTART)
    for item in world.images(TABLE):
        text = item["document"]["S"].replace('"strategy":"surge"', '"strategy":"in_place"')
        table.put_item(TableName=TABLE, Item=item | {"document": {"S": text}})


def _age(*, deadline: bool = False) -> None:
    """Make every fact and every running operation older than the sweep's patience."""
    table = client("dynamodb")
    for item in world.images(TABLE):
        text = item["document"]["S"]
        if item["pk"]["S"].startswith("OPERATION#") or item["sk"]["S"].startswith("LEDGER#"):
            text = text.replace('"updated_at":"20', '"updated_at":"19').replace('"occurred_at":"20', '"occurred_at":"19')
            text = text.replace('"deadline":"20', '"deadline":"19') if deadline else text
            table.put_item(TableName=TABLE, Item=item | {"document": {"S": text}})


def _request(function: str, method: str, path: str, **more: Any) -> Act:
    event = http_event(method, path, principal=samples.RESEARCHER, headers=_KEY, **more)
    return lambda serving: serving.run(function, event)


def _cancel(serving: Serving) -> Any:
    given = {"operation_id": serving.model()["operation"] or "gone"}
    return serving.run("cancel_operation", http_event("POST", "/x", principal=samples.RESEARCHER, headers=_KEY, path_parameters=given))


def _fact(function: str) -> Act:
    return lambda serving: serving.run(function, queue_event([own_event(world.ledger(TABLE)[-1])]))


def _alarm(serving: Serving) -> Any:
    return serving.run("apply_schedule", {"model_id": samples.MODEL_ID, "generation": 1})


def _announce(serving: Serving) -> Any:
    images = [image for image in world.images(TABLE) if image["sk"]["S"].startswith("LEDGER#")]
    return serving.run("announce_model_changes", stream_event(images))


def _news(event_type: str, data: dict[str, Any]) -> Act:
    def act(serving: Serving) -> Any:
        within = serving.model()["operation"]
        return serving.run(reaction(event_type), serving.event(event_type, data, event_id=_EVENT, within=within))

    return act


def _task(make: Callable[[str], dict[str, Any]]) -> Act:
    def act(serving: Serving) -> Any:
        return serving.run("on_engine_task_changed", queue_event([make("slipway-test-smollm2-135m-1-0-0-g1")]))

    return act


def _service(make: Callable[[str], dict[str, Any]]) -> Act:
    return lambda serving: serving.run("on_engine_service_changed", make("slipway-test-smollm2-135m-1-0-0-g1"))


class _Word:
    """Delivers a router's word twice as it was sent, from the queue: what it says of moments must not change with its delivery."""

    def __init__(self, event_type: str, data: Callable[[], dict[str, Any]]) -> None:
        self.event_type, self.data = event_type, data
        self.messages: dict[int, dict[str, Any]] = {}

    def __call__(self, serving: Serving) -> Any:
        made = self.messages.get(id(serving)) or queue_event([serving.event(self.event_type, self.data(), event_id=_EVENT)])
        return serving.run(reaction(self.event_type), self.messages.setdefault(id(serving), made))


class _Step:
    """Runs a step twice with the same order, as a machine would: the order is made before the first run changes anything."""

    def __init__(self, function: str, **more: Any) -> None:
        self.function, self.more = function, more
        self.orders: dict[int, dict[str, Any]] = {}

    def __call__(self, serving: Serving) -> Any:
        order = (
            self.orders.setdefault(id(serving), serving.order(**self.more)) if serving.model()["operation"] else self.orders[id(serving)]
        )
        return serving.run(self.function, order)


_TOKEN = {"task_token": "a-token"}
_ERROR = {"error": {"Error": "States.Timeout", "Cause": ""}}
CASES: dict[str, tuple[Act, Act]] = {
    "create_model": (_nothing, _request("create_model", "POST", "/models", body=samples.hosted())),
    "delete_model": (_running, _request("delete_model", "DELETE", "/x", path_parameters=_PATH)),
    "list_model_users": (_used, _request("list_model_users", "GET", "/x", path_parameters=_PATH)),
    "add_model_user": (_created, _request("add_model_user", "PUT", "/x", path_parameters=_USER, body={"name": "Handbook"})),
    "remove_model_user": (_used, _request("remove_model_user", "DELETE", "/x", path_parameters=_USER)),
    "retry_model": (_failed, _request("retry_model", "POST", "/x", path_parameters=_PATH)),
    "cancel_operation": (_running, _cancel),
    "list_models": (_created, _request("list_models", "GET", "/models")),
    "list_instances": (_created, _request("list_instances", "GET", "/instances", query={"fits_model": samples.MODEL_ID})),
    "plan_model": (_created, _request("plan_model", "POST", "/models/plan", body={"model": samples.hosted("another")})),
    "read_model": (_created, _request("read_model", "GET", "/x", path_parameters=_PATH)),
    "list_model_events": (_created, _request("list_model_events", "GET", "/x", path_parameters=_PATH)),
    "read_operation": (_created, _request("read_operation", "GET", "/x", path_parameters={"operation_id": "none"})),
    "announce_model_changes": (_in_service, _announce),
    "on_model_requested": (_created, _fact("on_model_requested")),
    "on_model_deletion_requested": (_superseding, _fact("on_model_deletion_requested")),
    "on_engine_task_changed": (_running, _task(lambda service: samples.crashed(service, 5, 72))),
    "on_engine_task_changed, the last one": (
        _stopping,
        _task(lambda s: samples.task_event(s, "STOPPED", 6, desired="STOPPED", stopCode="ServiceSchedulerInitiated")),
    ),
    "on_engine_task_changed, once too often": (_dying, _task(lambda s: samples.crashed(s, 5, 80, task="d" * 32))),
    "on_engine_service_changed, no place": (_launching, _service(lambda s: aws_events.service_action(s, "SERVICE_TASK_PLACEMENT_FAILURE"))),
    "on_engine_service_changed, given up": (_launching, _service(aws_events.deployment_failed)),
    "on_engine_host_interrupted": (
        _two_copies,
        lambda serving: serving.run("on_engine_host_interrupted", aws_events.interruption(serving.host)),
    ),
    "on_load_observed": (_serving, _Word("LoadObserved", lambda: load.observed(30))),
    "on_load_observed, as before": (_serving, _Word("LoadObserved", lambda: load.observed(3))),
    "on_model_wake_requested": (_asleep, _Word("ModelWakeRequested", load.wake)),
    "on_model_wake_requested, too early": (_falling_asleep, _Word("ModelWakeRequested", load.wake)),
    "on_model_stopped": (_asleep_and_asked_for, lambda serving: serving.run("on_model_stopped", load.stopped(serving))),
    "on_model_version_validated": (_validating, _news("ModelVersionValidated", samples.validated())),
    "on_model_version_rejected": (_validating, _news("ModelVersionRejected", samples.rejected())),
    "on_route_changed": (_running, _news("RouteChanged", samples.route("open", 2))),
    "on_route_changed, closed": (_deleting, _news("RouteChanged", samples.route("closed", 3, generation=2))),
    "on_route_health_observed": (
        _running,
        _news("RouteHealthObserved", samples.health("failed", failure={"code": "weights-corrupt", "message": "no", "hint": ""})),
    ),
    "on_route_health_observed, beyond hope": (_in_service, _news("RouteHealthObserved", BEYOND_HOPE)),
    "prepare_model": (_created, _Step("prepare_model")),
    "await_validation": (_created, _Step("await_validation", **_TOKEN)),
    "launch_engine": (_validating, _Step("launch_engine", **_TOKEN)),
    "open_provider_route": (_validating, _Step("open_provider_route", **_TOKEN)),
    "settle_model": (_running, _Step("settle_model")),
    "fail_model": (_running, _Step("fail_model", **_ERROR)),
    "await_route_closed": (_superseding, _Step("await_route_closed", **_TOKEN)),
    "stop_engines": (_deleting, _Step("stop_engines", **_TOKEN)),
    "erase_model": (_stopping, _Step("erase_model")),
    "update_model": (_in_service, _request("update_model", "PATCH", "/x", path_parameters=_PATH, body={"description": "The small one"})),
    "start_model": (_stopped, _request("start_model", "POST", "/x", path_parameters=_PATH)),
    "stop_model": (_in_service, _request("stop_model", "POST", "/x", path_parameters=_PATH)),
    "stop_model, superseding": (_running, _request("stop_model", "POST", "/x", path_parameters=_PATH)),
    "cancel_operation, a stop": (_halting, _cancel),
    "on_model_updated": (_updating, lambda serving: serving.run("on_model_updated", own_event(world.ledger(TABLE)[-1]))),
    "on_model_stop_requested": (
        lambda serving: (serving.running(), serving.on_model("stop_model")),
        lambda serving: serving.run("on_model_stop_requested", own_event(world.ledger(TABLE)[-1])),
    ),
    "prepare_update": (_updating, _Step("prepare_update", **_TOKEN)),
    "apply_change": (_scaling, _Step("apply_change", **_TOKEN)),
    "launch_engine, beside others": (_surging, _Step("launch_engine", **_TOKEN)),
    "stop_engines, of an update": (_surging, _Step("stop_engines", **_TOKEN)),
    "settle_model, of an update": (_surging, _Step("settle_model")),
    "settle_model, of a stop": (_halted, _Step("settle_model")),
    "roll_back_update": (_surging, _Step("roll_back_update", **_ERROR)),
    "roll_back_update, of copies": (_scaling, _Step("roll_back_update", **_ERROR)),
    "roll_back_update, in place": (_restarting, _Step("roll_back_update", **_ERROR)),
    "set_schedule": (_in_service, _request("set_schedule", "PUT", "/x", path_parameters=_PATH, body=_OPEN)),
    "read_schedule": (_open, _request("read_schedule", "GET", "/x", path_parameters=_PATH)),
    "remove_schedule": (_open, _request("remove_schedule", "DELETE", "/x", path_parameters=_PATH)),
    "arm_schedule": (_in_service_by_windows, scheduled.tell),
    "arm_schedule, removed": (_no_longer_by_windows, scheduled.tell),
    "apply_schedule, opens": (_opening, _alarm),
    "apply_schedule, closes": (_closing, _alarm),
    "erase_model, with a schedule": (_going_with_a_schedule, _Step("erase_model")),
    "sweep_models, an alarm is missing": (_in_service_by_windows, lambda serving: serving.run("sweep_models", {})),
    "sweep_models, an alarm of nobody": (_no_longer_by_windows, lambda serving: serving.run("sweep_models", {})),
    "sweep_models, nobody uses it": (_idle, lambda serving: serving.run("sweep_models", {})),
    "sweep_models, a copy beyond hope": (_condemned, lambda serving: serving.run("sweep_models", {})),
    "sweep_models, nothing started": (_lost, lambda serving: serving.run("sweep_models", {})),
    "sweep_models, past the deadline": (_late, lambda serving: serving.run("sweep_models", {})),
}


@pytest.mark.parametrize("case", CASES)
def test_a_crash_at_any_call_changes_nothing_but_the_time_it_takes(case: str) -> None:
    """Before and after each AWS call; table, services, task definitions and executions end alike."""
    prepare, act = CASES[case]

    def arrange() -> AbstractContextManager[Serving]:
        return _prepared(prepare)

    assert sweep(arrange, act, Serving.outcome) > 0


def test_every_function_is_swept() -> None:
    """A function without a case would go unproven."""
    functions = {path.parent.name for path in Path("functions/serving").glob("*/handler.py")}
    assert functions == {case.split(",")[0] for case in CASES}


def test_a_crash_between_service_and_answer_leaves_one_service(serving: Serving) -> None:
    """Whoever comes second adopts what the first has made."""
    _validating(serving)
    order = serving.order(**_TOKEN)
    with watching() as watch:
        serving.run("launch_engine", order)
        serving.run("launch_engine", order)
    assert len(watch.of("CreateService")) == len(watch.of("RegisterTaskDefinition")) == 1


@contextmanager
def _prepared(prepare: Act) -> Iterator[Serving]:
    with serving_world() as serving:
        prepare(serving)
        yield serving
