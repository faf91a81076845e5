"""Shortages, interruptions and engines that die again and again: on paper."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.catalogue import EVENTS
from serving.domain import lifecycle, observations, troubles
from serving.domain.change import Change
from serving.domain.model import Aspect, Condition, Failure, LiveTask, Model, RouteView, Status
from serving.domain.operation import Operation, OperationStatus, Step
from serving.domain.services import ServiceEvent, host_news, service_news
from serving.usecases.failures import known, last_known, of_words, out_of_time, sharpened
from tests.functional.serving import aws_events
from tests.unit.serving.samples import LATER, NOW, SERVICE, created, parts, task

_SHORT = known("capacity-unavailable")


def _launched() -> tuple[Model, Operation]:
    model, operation = created()
    return parts(lifecycle.launch(model, operation, SERVICE, "token", NOW))


def _serving(*names: str) -> Model:
    """In service, with a running task of each name."""
    model, _ = _launched()
    tasks = tuple(LiveTask(name, 1, "RUNNING", "RUNNING", f"10.0.0.{place}") for place, name in enumerate(names, start=1))
    spec = {**model.spec, "capacity": {**model.spec["capacity"], "desired": len(names), "max": 4}}
    model = replace(model, status=Status.IN_SERVICE, operation=None, tasks=tasks, spec=spec, route=RouteView("open", 1, 1))
    model = model.with_condition(Aspect.CAPACITY_AVAILABLE, True, "TasksRunning", NOW)
    return model.with_condition(Aspect.ENGINE_READY, True, "AnsweredACompletion", NOW)


def _condition(model: Model, aspect: Aspect) -> Condition:
    return next(c for c in model.conditions if c.type == aspect)


def _told(change: Change | None) -> list[tuple[str, Any]]:
    assert change is not None
    for fact in change.facts:  # the contract refuses what nobody could read
        EVENTS[fact.event_type].validate_document(fact.data)
    return [(fact.event_type, fact.data.get("condition")) for fact in change.facts]


def test_a_shortage_is_told_once_and_waited_out() -> None:
    """Condition, phase and fact at the first word of it; the same again in other words is no news."""
    model, operation = _launched()
    change = troubles.shortage(model, operation, 1, _SHORT, NOW)
    assert _told(change) == [("ModelDegraded", "CapacityAvailable")]
    assert change is not None
    after, waiting = parts(change)
    assert (waiting.phase, waiting.doom, waiting.status) == ("waiting-for-capacity", None, OperationStatus.RUNNING)
    assert _condition(after, Aspect.CAPACITY_AVAILABLE).reason == "CapacityUnavailable"
    assert troubles.shortage(after, waiting, 1, known("capacity-unavailable", "other words"), LATER) is None
    worse = troubles.shortage(after, waiting, 1, known("quota-exceeded"), LATER)
    assert _told(worse) == [("ModelDegraded", "CapacityAvailable")]


def test_a_shortage_that_is_over_is_old_news() -> None:
    """ECS numbers these events in no way: a late one says nothing once every task has found its place."""
    model, operation = _launched()
    placed = replace(model, tasks=(LiveTask("t1", 1, "PENDING", "RUNNING", None),))
    unplaced = replace(model, tasks=(LiveTask("t1", 1, "PROVISIONING", "RUNNING", None),))
    assert troubles.shortage(placed, operation, 1, _SHORT, NOW) is None
    assert troubles.shortage(unplaced, operation, 1, _SHORT, NOW) is not None
    assert troubles.shortage(model, operation, 2, _SHORT, NOW) is None


@pytest.mark.parametrize("status", [Status.STOPPING, Status.STOPPED, Status.DELETING, Status.FAILED])
def test_a_model_that_wants_no_capacity_lacks_none(status: Status) -> None:
    """What leaves service is not degraded by anything."""
    model = replace(_launched()[0], status=status)
    assert troubles.shortage(model, None, 1, _SHORT, NOW) is None
    assert troubles.given_up(model, None, 1, _SHORT, NOW) is None
    assert troubles.leaving(replace(_serving("t1"), status=status), ["t1"], _SHORT, NOW)[1] is False


def test_a_task_that_finds_its_place_ends_the_waiting() -> None:
    """While it waits for an instance the reason stays; placed, the operation launches; running, the model has recovered."""
    model, operation = _launched()
    short = troubles.shortage(model, operation, 1, _SHORT, NOW)
    assert short is not None
    model, operation = parts(short)
    reasons, phases, facts = [], [], []
    for version, last in enumerate(("PROVISIONING", "PENDING", "RUNNING")):
        change = observations.task(model, operation, version or None, task(last, version + 1), None, LATER)
        assert change is not None
        model = change.after
        operation = change.operations[0][1] if change.operations else operation
        reasons.append(_condition(model, Aspect.CAPACITY_AVAILABLE).reason)
        phases.append(operation.phase)
        facts += [fact.event_type for fact in change.facts]
    assert reasons == ["CapacityUnavailable", "TasksStarting", "TasksRunning"]
    assert phases == ["waiting-for-capacity", "launching", "launching"]
    assert facts == ["ModelRecovered", "CapacityChanged"]  # the shortage ends with the place, not with the engine


def test_a_task_that_died_for_want_of_a_place_waits_too() -> None:
    """TaskFailedToStart: RESOURCE:GPU is no failed start."""
    model, operation = _launched()
    change = observations.task(model, operation, None, task("STOPPED", 1), _SHORT, NOW)
    assert change is not None
    assert change.after.failed_starts == ()
    assert change.operations[0][1].phase == "waiting-for-capacity"
    assert ("ModelDegraded", "CapacityAvailable") in _told(change)


def test_a_shortage_that_lasts_until_the_deadline_is_the_reason() -> None:
    """Not the bare time-out, which says nothing; another failure stays what it is."""
    model, operation = _launched()
    change = troubles.shortage(model, operation, 1, known("spot-quota-exceeded", "ECS says so."), NOW)
    assert change is not None
    after, waiting = parts(change)
    assert sharpened(out_of_time(Step.LAUNCH), after, waiting) == known("spot-quota-exceeded", "ECS says so.")
    assert sharpened(known("weights-corrupt"), after, waiting) == known("weights-corrupt")
    assert sharpened(out_of_time(Step.LAUNCH), after, replace(waiting, phase="loading")).code == "engine-start-timeout"


def test_what_ecs_gives_up_has_failed() -> None:
    """Once, for the newest deployment only, whatever was known before."""
    model, operation = _launched()
    change = troubles.given_up(model, operation, 1, known("image-pull-failed"), NOW)
    assert change is not None
    doomed = change.operations[0][1]
    assert doomed.doom == known("image-pull-failed")
    again = troubles.given_up(change.after, doomed, 1, known("deployment-failed"), NOW)
    assert again is None or again.operations == ()
    older = troubles.given_up(replace(model, generation=2), replace(operation, generation=2), 1, known("deployment-failed"), NOW)
    assert older is None or older.operations == ()


def test_an_impaired_start_hides_no_better_reason() -> None:
    """What a single task died of says more."""
    model, operation = _launched()
    first = troubles.impaired(model, 1, known("start-impaired"), NOW)
    assert _told(first) == [("ModelDegraded", "CapacityAvailable")]
    crashed = observations.task(model, operation, None, task("STOPPED", 1), known("image-pull-failed"), NOW)
    assert crashed is not None
    assert troubles.impaired(crashed.after, 1, known("start-impaired"), NOW) is None


def test_a_steady_service_has_recovered() -> None:
    """If we see its tasks too; and nothing is said where nothing was amiss."""
    model = _serving("t1").with_condition(Aspect.CAPACITY_AVAILABLE, False, "CapacityUnavailable", NOW, "none left")
    assert _told(troubles.steady(model, LATER)) == [("ModelRecovered", "CapacityAvailable")]
    assert troubles.steady(replace(model, tasks=()), LATER) is None
    assert troubles.steady(_serving("t1"), LATER) is None


def test_copies_on_a_host_that_goes_are_left_if_others_remain() -> None:
    """Routing is told at once; the condition and the fact say why."""
    change = observations.interrupted(_serving("t1", "t2"), ["t1"], known("spot-interrupted"), NOW)
    assert _told(change) == [("CapacityChanged", None), ("ModelDegraded", "CapacityAvailable")]
    assert change is not None
    assert [target["status"] for target in change.after.targets()] == ["stopping", "running"]


def test_the_last_copies_serve_as_long_as_they_can() -> None:
    """Two minutes of answers are better than none; the second warning is no news."""
    change = observations.interrupted(_serving("t1"), ["t1", "x"], known("spot-interrupted"), NOW)
    assert _told(change) == [("ModelDegraded", "CapacityAvailable")]
    assert change is not None
    assert [target["status"] for target in change.after.targets()] == ["running"]
    assert observations.interrupted(change.after, ["t1"], known("spot-interrupted"), NOW) is None
    assert observations.interrupted(_serving("t1"), ["x"], known("spot-interrupted"), NOW) is None


def test_a_likely_interruption_changes_no_more_than_a_reason() -> None:
    """The condition still holds, and says what may come."""
    change = troubles.at_risk(_serving("t1"), ["t1"], "soon", NOW)
    assert change is not None
    condition = _condition(change.after, Aspect.CAPACITY_AVAILABLE)
    assert (condition.status, condition.reason, change.facts) == ("True", "InterruptionLikely", ())
    assert troubles.at_risk(change.after, ["t1"], "soon", NOW) is None
    assert troubles.at_risk(_serving("t1"), ["x"], "soon", NOW) is None


def _die(model: Model, minute: int, failure: Failure) -> tuple[Model, list[str]]:
    """The engine dies, its replacement runs and answers."""
    now = f"2026-01-01T00:{minute:02d}:00.000Z"
    name = model.tasks[0].task_id
    died = observations.task(model, None, 1, task("STOPPED", 9, task_id=name), failure, now)
    assert died is not None
    back = observations.task(died.after, None, None, task("RUNNING", 1, task_id=f"t{minute}"), None, now)
    assert back is not None
    revision = model.route.revision if model.route else 0
    probing = observations.route(back.after, RouteView("probing", revision + 1, 1), now)
    assert probing is not None
    opened = observations.route(probing.after, RouteView("open", revision + 2, 1), now)
    assert opened is not None
    return opened.after, [fact.event_type for fact in (*died.facts, *back.facts)]


def test_an_engine_that_dies_again_and_again_flaps_until_it_has_calmed() -> None:
    """The third death within half an hour is named; readiness is believed again once the half hour has passed."""
    model = _serving("t0")
    told: list[str] = []
    for minute in (1, 5, 9):
        model, facts = _die(model, minute, known("engine-crashed"))
        told += facts
    condition = _condition(model, Aspect.ENGINE_READY)
    assert (condition.status, condition.reason) == ("False", "HealthFlapping")
    assert told.count("ModelDegraded") == 1
    assert model.status is Status.IN_SERVICE
    assert troubles.calmed(model, "2026-01-01T00:20:00.000Z") is None
    calmed = troubles.calmed(model, "2026-01-01T00:31:30.000Z")
    assert _told(calmed) == [("ModelRecovered", "EngineReady")]


def test_copies_that_die_before_they_answer_are_counted_until_one_answers() -> None:
    """In a row; not while others answer, and not those of a deployment that is gone."""
    model = replace(_serving("t0"), route=RouteView("probing", 3, 1))
    for count in range(1, troubles.FUTILE_LIMIT + 1):
        assert not troubles.is_futile(model, 1)
        model = troubles.with_death(model, known("engine-crashed"), NOW)
        assert model.futile == count
    assert [troubles.is_futile(model, generation) for generation in (1, 2)] == [True, False]
    assert troubles.with_death(replace(model, route=RouteView("open", 4, 1)), known("engine-crashed"), NOW).futile == 0


def test_slow_starts_have_a_longer_window() -> None:
    """Deaths a quarter of an hour apart are flapping for a model that needs that long to start."""
    deaths = tuple(f"2026-01-01T00:{minute:02d}:00.000Z" for minute in (0, 20, 40))
    quick, slow = replace(_serving("t0"), deaths=deaths), replace(_serving("t0"), deaths=deaths, start_seconds=(900.0,))
    assert [troubles.flaps(model, "2026-01-01T00:41:00.000Z") for model in (quick, slow)] == [False, True]


def test_deaths_far_apart_and_hosts_that_go_are_no_flapping() -> None:
    """Neither an accident an hour nor AWS's doing says anything of the engine."""
    model = _serving("t0")
    for minute in (1, 2, 3):
        model, _ = _die(model, minute, known("host-lost"))
    assert model.deaths == ()
    for minute in (5, 25, 55):
        model, _ = _die(model, minute, known("engine-crashed"))
    assert _condition(model, Aspect.ENGINE_READY).reason == "AnsweredACompletion"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("RESOURCE:GPU", "capacity-unavailable"),
        ("RESOURCE:FARGATE", "capacity-unavailable"),
        (aws_events.NO_PLACE, "capacity-unavailable"),
        (aws_events.NO_CAPACITY, "capacity-unavailable"),
        (aws_events.VCPU_LIMIT, "quota-exceeded"),
        (aws_events.SPOT_LIMIT, "spot-quota-exceeded"),
        (aws_events.UNFULFILLABLE, "capacity-unavailable"),
        ("(service x) has reached a steady state.", None),
    ],
)
def test_what_ecs_says_of_a_service(words: str, code: str | None) -> None:
    """The codes that stand in its sentences, wrapped or not; its sentence is kept."""
    failure = of_words("capacity-unavailable", words)
    assert (failure.code if failure else None) == code
    assert failure is None or words in failure.message


def test_conditions_name_their_failure() -> None:
    """A reason leads back to code and hint; one that is a step on the way leads nowhere."""
    model, _ = _launched()
    assert last_known(model) is None
    model = model.with_condition(Aspect.CAPACITY_AVAILABLE, False, "QuotaExceeded", NOW, "8 of 8")
    assert last_known(model) == known("quota-exceeded", "8 of 8")


@pytest.mark.parametrize("event", ServiceEvent)
def test_service_events_are_read_from_their_resources(event: ServiceEvent) -> None:
    """Neither kind names the service anywhere else."""
    made = aws_events.deployment_failed(SERVICE) if event is ServiceEvent.DEPLOYMENT_FAILED else aws_events.service_action(SERVICE, event)
    news = service_news(made)
    assert news is not None
    assert (news.service, news.event) == (SERVICE, event)


def test_other_events_mean_nothing() -> None:
    """An event name that we do not know, a service that is not named, a host that is not named."""
    other = aws_events.service_action(SERVICE, "TASKSET_STEADY_STATE")
    assert service_news(other) is None
    assert service_news(aws_events.service_action(SERVICE, ServiceEvent.STEADY_STATE) | {"resources": []}) is None
    assert host_news({"detail": {}}) is None
