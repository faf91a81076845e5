"""Copies that will never answer, though ECS finds nothing amiss: on paper."""

from dataclasses import asdict, replace
from datetime import datetime, timedelta

import pytest

from contracts.catalogue import EVENTS
from kit.clock import iso
from serving.adapters import documents
from serving.domain import lifecycle, observations, reminders, troubles
from serving.domain.change import Change
from serving.domain.model import Aspect, LiveTask, Model, RouteView, Status
from serving.domain.operation import Operation
from serving.usecases.failures import known
from tests.unit.serving.samples import LATER, NOW, SERVICE, created, parts, task

_INVALID, _CRASHED = known("engine-answer-invalid"), known("engine-crashed")


def _launched(*names: str) -> tuple[Model, Operation]:
    """On its way into service, with a running task of each name."""
    model, operation = parts(lifecycle.launch(*created(), SERVICE, "token", NOW))
    tasks = tuple(LiveTask(name, 1, "RUNNING", "RUNNING", f"10.0.0.{place}") for place, name in enumerate(names, start=1))
    spec = {**model.spec, "capacity": {**model.spec["capacity"], "desired": len(names), "max": 4}}
    return replace(model, tasks=tasks, spec=spec), operation


def _serving(*names: str, state: str = "open") -> Model:
    """In service, with these tasks."""
    return replace(_launched(*names)[0], status=Status.IN_SERVICE, operation=None, route=RouteView(state, 1, 1, names, names))


def _told(change: Change) -> dict[str, str]:
    """The targets that the one CapacityChanged of the change tells."""
    (fact,) = change.facts
    EVENTS[fact.event_type].validate_document(fact.data)
    return {target["target_id"]: target["status"] for target in fact.data["targets"]}


def _condemned(model: Model, name: str, operation: Operation | None = None) -> Change:
    change = observations.failed_start(model, operation, name, _INVALID if operation is None else _CRASHED, NOW)
    assert change is not None
    return change


def test_a_copy_in_service_that_fails_for_good_is_let_go_and_replaced() -> None:
    """Told to routing once, with the reason; named in the condition; and ECS is to end it until it has."""
    change = _condemned(_serving("t1", "t2"), "t1")
    assert _told(change) == {"t1": "stopping", "t2": "running"}
    assert "engine-answer-invalid" in change.facts[0].data["reason"]
    model = change.after
    capacity = next(c for c in model.conditions if c.type == Aspect.CAPACITY_AVAILABLE)
    assert (capacity.status, capacity.reason) == ("False", "EngineAnswerInvalid")
    assert [one.task_id for one in troubles.replaceable(model, NOW)] == ["t1"]
    assert observations.failed_start(model, None, "t1", _INVALID, LATER) is None
    assert documents.model(asdict(model)) == model


def test_routing_that_has_let_go_of_it_is_not_told_again() -> None:
    """What routing dropped and what serving tells agree: the sweep has nothing to remind anybody of."""
    dropped = RouteView("open", 2, 1, ("t2",), ("t2",))
    before = replace(_serving("t1", "t2"), route=dropped)
    assert reminders.remind(before, None, None, LATER) is not None
    assert reminders.remind(replace(_condemned(before, "t1").after, route=dropped), None, None, LATER) is None


def test_the_sentence_outlives_what_ecs_says_and_is_what_the_copy_died_of() -> None:
    """ECS goes on calling it healthy, then ends it because it was asked to: no accident, and no stop that anybody wanted."""
    model = _condemned(_serving("t1", state="probing"), "t1").after
    again = observations.task(model, None, 1, task("RUNNING", 2, address="10.0.0.1"), None, LATER)
    assert again is not None
    assert again.facts == ()
    assert again.after.tasks[0].condemned == _INVALID
    ended = observations.task(again.after, None, 2, task("STOPPED", 3, desired_status="STOPPED"), None, LATER)
    assert ended is not None
    assert (ended.after.tasks, len(ended.after.deaths), ended.after.futile) == ((), 1, 1)
    assert next(c for c in ended.after.conditions if c.type == Aspect.CAPACITY_AVAILABLE).reason == "EngineAnswerInvalid"


def test_a_start_whose_first_copy_fails_is_tried_once_more() -> None:
    """The copy is replaced while the failure may pass; with the second the start has failed, and nothing is replaced any more."""
    model, operation = _launched("t1")
    first = _condemned(model, "t1", operation)
    assert (first.after.failed_starts, first.operations) == (("t1",), ())
    assert [one.task_id for one in troubles.replaceable(first.after, NOW)] == ["t1"]
    other = replace(first.after, tasks=(LiveTask("t2", 1, "RUNNING", "RUNNING", "10.0.0.2"),))
    second = _condemned(other, "t2", operation)
    assert second.operations[0][1].doom == _CRASHED
    assert (second.facts, troubles.replaceable(second.after, NOW)) == ((), [])


def test_replacing_is_bounded_while_others_answer() -> None:
    """Three deaths within half an hour: the next copy beyond hope waits; where nobody answers, the count of futile copies decides."""
    model = replace(_condemned(_serving("t1", "t2"), "t1").after, deaths=(NOW, NOW, NOW))
    later = iso(datetime.fromisoformat(NOW) + troubles.FLAPPING_WINDOW + timedelta(seconds=1))
    assert [len(troubles.replaceable(model, moment)) for moment in (LATER, later)] == [0, 1]
    assert len(troubles.replaceable(replace(model, route=RouteView("probing", 2, 1)), LATER)) == 1


@pytest.mark.parametrize("status", [Status.STOPPING, Status.STOPPED, Status.DELETING, Status.FAILED])
def test_what_leaves_service_is_not_replaced(status: Status) -> None:
    """Its copies go anyhow."""
    model = replace(_serving("t1"), status=status)
    assert observations.failed_start(model, None, "t1", _INVALID, NOW) is None
    assert troubles.replaceable(replace(_condemned(_serving("t1"), "t1").after, status=status), NOW) == []


def test_unknown_and_retiring_copies_are_let_be() -> None:
    """Neither is a copy that anybody wants in the place of another."""
    model = _serving("t1")
    retiring = replace(model, deployments=tuple(replace(one, retiring=True) for one in model.deployments))
    assert observations.failed_start(model, None, "unknown", _INVALID, NOW) is None
    assert observations.failed_start(retiring, None, "t1", _INVALID, NOW) is None
