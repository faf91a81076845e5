"""Whatever call to AWS a function of serving dies before or after, delivering its message again leads to the same end.

tests/fabric/sweep shows that of every function. Here are the situations in which a call is come to by a way that none of its scenarios
takes: a wish in the middle of falling asleep, an alarm that nobody has heard of, a copy that dies once too often.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from kit.aws import client
from tests.fabric import world
from tests.fabric.crash import Crash, sweep, watching
from tests.fabric.wire import http_event, queue_event
from tests.functional.serving import aws_events, load, samples, scheduled
from tests.functional.serving.world import TABLE, Serving, reaction, serving_world

_KEY = {"idempotency-key": "once"}
_EVENT = "01KAHV5X3V8Q4T1N6F2R7C9999"
Act = Callable[[Serving], Any]


def _created(serving: Serving) -> None:
    serving.create()


def _validating(serving: Serving) -> None:
    serving.create()
    serving.pump()


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


def _falling_asleep(serving: Serving) -> None:
    load.in_service(serving)
    load.fall_asleep(serving)


def _asleep_and_asked_for(serving: Serving) -> None:
    _falling_asleep(serving)
    load.hear(serving, "ModelWakeRequested", load.wake())
    load.asleep()


def _late(serving: Serving) -> None:
    """A creation past its deadline, with a service, and an orphan beside it."""
    serving.running()
    _age(deadline=True)


_OPEN = scheduled.around_now(-2, 2)


def _open(serving: Serving) -> None:
    """In service, by a schedule whose window is open."""
    serving.in_service()
    scheduled.give(serving, _OPEN)


def _opening(serving: Serving) -> None:
    """Stopped, in a window of whose opening nobody has heard."""
    _open(serving)
    scheduled.stand(serving, "Stopped")
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


def _alarm(serving: Serving) -> Any:
    return serving.run("apply_schedule", {"model_id": samples.MODEL_ID, "generation": 1})


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
CASES: dict[str, tuple[Act, Act]] = {
    "plan_model": (_created, _request("plan_model", "POST", "/models/plan", body={"model": samples.hosted("another")})),
    "on_engine_task_changed, once too often": (_dying, _task(lambda s: samples.crashed(s, 5, 80, task="d" * 32))),
    "on_engine_service_changed, no place": (_launching, _service(lambda s: aws_events.service_action(s, "SERVICE_TASK_PLACEMENT_FAILURE"))),
    "on_engine_service_changed, given up": (_launching, _service(aws_events.deployment_failed)),
    "on_model_wake_requested, too early": (_falling_asleep, _Word("ModelWakeRequested", load.wake)),
    "on_model_stopped": (_asleep_and_asked_for, lambda serving: serving.run("on_model_stopped", load.stopped(serving))),
    "apply_schedule, opens": (_opening, _alarm),
    "erase_model, with a schedule": (_going_with_a_schedule, _Step("erase_model")),
    "sweep_models, an alarm is missing": (_in_service_by_windows, lambda serving: serving.run("sweep_models", {})),
    "sweep_models, an alarm of nobody": (_no_longer_by_windows, lambda serving: serving.run("sweep_models", {})),
    "sweep_models, a copy beyond hope": (_condemned, lambda serving: serving.run("sweep_models", {})),
    "sweep_models, past the deadline": (_late, lambda serving: serving.run("sweep_models", {})),
}


@pytest.mark.parametrize("case", CASES)
def test_a_crash_at_any_call_changes_nothing_but_the_time_it_takes(case: str) -> None:
    """Before and after each AWS call; table, services, task definitions and executions end alike."""
    prepare, act = CASES[case]

    def arrange() -> AbstractContextManager[Serving]:
        return _prepared(prepare)

    assert sweep(arrange, act, Serving.outcome) > 0


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
