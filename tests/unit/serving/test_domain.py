"""Serving's rules, on paper."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.engine import FAILURES
from serving.domain import commands, lifecycle, naming, observations
from serving.domain.addresses import is_public, numeric
from serving.domain.deadlines import PROVIDER_SECONDS, serving_seconds
from serving.domain.model import Aspect, Failure, Model, RouteView, Status, Verdict
from serving.domain.operation import Goal, Operation, OperationStatus, Step
from serving.domain.tasks import PASSING, WAITS, gives_up, observed, service_of
from serving.domain.waits import awaited, is_current, route_is_closed
from serving.usecases.failures import death_of, failure_of, known
from tests.fabric import asl
from tests.functional.serving.samples import DIGEST, provider, task_event
from tests.unit.serving.samples import LATER, NOW, SERVICE, ask, created, parts, spec, task


def _launched() -> tuple[Model, Operation]:
    model, operation = created()
    return parts(lifecycle.launch(model, operation, SERVICE, "token", NOW))


def test_an_operation_ends_once() -> None:
    """Whatever comes after its end is an error of ours, not a second end."""
    _, operation = created()
    ended = operation.end(OperationStatus.SUCCEEDED, NOW)
    for status in OperationStatus:
        with pytest.raises(ValueError, match="has ended"):
            ended.end(status, NOW)


@pytest.mark.parametrize("status", Status)
def test_commands_by_status(status: Status) -> None:
    """Retry only what has failed, delete all but what is being deleted."""
    model = replace(created()[0], status=status)
    assert commands.allowed("retry", model) == (status is Status.FAILED)
    assert commands.allowed("delete", model) == (status is not Status.DELETING)


def test_counters_only_rise() -> None:
    """Generation with every wish, revision with every fact, edition with every write; over deletion and rebirth."""
    model, operation = created()
    deletion = commands.delete(model, operation, ask("op-2"))
    erased = lifecycle.erase(*parts(deletion), NOW).after
    again = commands.create(spec(), erased, ask("op-3")).after
    history = [(m.generation, m.revision, m.edition) for m in (model, deletion.after, erased, again)]
    assert history == [(1, 1, 1), (2, 2, 2), (2, 3, 3), (3, 4, 4)]
    assert again.life == 4


def test_a_deletion_supersedes_and_the_superseded_changes_nothing() -> None:
    """The old operation has its end, and is no longer the one that decides."""
    model, operation = created()
    change = commands.delete(model, operation, ask("op-2"))
    (_, deletion), (_, superseded) = change.operations
    assert superseded.status is OperationStatus.SUPERSEDED
    assert (is_current(change.after, superseded), is_current(change.after, deletion)) == (False, True)


def test_since_moves_with_the_status_only() -> None:
    """A new reason does not make a condition younger."""
    model = created()[0].with_condition(Aspect.ENGINE_READY, False, "Loading", NOW)
    same = model.with_condition(Aspect.ENGINE_READY, False, "Warming", LATER)
    other = same.with_condition(Aspect.ENGINE_READY, True, "Answered", LATER)
    seen = [next(c for c in m.conditions if c.type == "EngineReady") for m in (same, other)]
    assert [(c.reason, c.since) for c in seen] == [("Warming", NOW), ("Answered", LATER)]


def test_a_verdict_about_another_artefact_is_history() -> None:
    """Version and digest must be those that are wanted now; what was validated stays so."""
    model, operation = created()
    assert observations.verdict(model, Verdict("1.0.0", "0" * 64, True, "op-1"), NOW) is None
    change = observations.verdict(model, Verdict("1.0.0", DIGEST, True, "op-1"), NOW)
    assert change is not None
    assert awaited(Step.VALIDATION, change.after, operation, engines_left=False).true
    assert observations.verdict(change.after, Verdict("1.0.0", DIGEST, False, "op-1"), NOW) is None


def test_only_the_present_operations_rejection_counts() -> None:
    """An older one has perhaps been put right."""
    model, operation = created()
    why = Failure("manifest-invalid", "no")
    old = observations.verdict(model, Verdict("1.0.0", DIGEST, False, "op-0", why), NOW)
    new = observations.verdict(model, Verdict("1.0.0", DIGEST, False, "op-1", why), NOW)
    assert old is not None
    assert new is not None
    assert awaited(Step.VALIDATION, old.after, operation, engines_left=False).failure is None
    assert awaited(Step.VALIDATION, new.after, operation, engines_left=False).failure == why


def test_the_newest_route_wins() -> None:
    """By the route table's revision, whatever the order of arrival; an older generation's route opens nothing."""
    model, operation = created()
    opened = observations.route(model, RouteView("open", 5, 1), NOW)
    assert opened is not None
    assert observations.route(opened.after, RouteView("probing", 4, 1), NOW) is None
    older = observations.route(replace(model, generation=2), RouteView("open", 5, 1), NOW)
    assert older is not None
    assert not awaited(Step.LAUNCH, older.after, replace(operation, generation=2), engines_left=True).true


def test_which_targets_of_a_route_answer_come_and_go() -> None:
    """In the route's order; a status of a newer release is none of these."""
    told = [("t1", "draining"), ("t2", "probing"), ("t3", "ready"), ("t4", "resting"), ("t5", "ready")]
    assert RouteView.of("open", 7, 2, told) == RouteView("open", 7, 2, ("t3", "t5"), ("t2", "t3", "t5"), ("t1",))


def test_a_route_that_was_never_heard_of() -> None:
    """Is closed for a hosted model that was told to nobody, and unknown for every other."""
    model, _ = created()
    assert route_is_closed(model)
    assert not route_is_closed(replace(model, exposed=True))
    assert not route_is_closed(replace(model, spec=provider() | {"version": "1.0.0"}))


def test_the_route_of_an_earlier_life_closes_nothing() -> None:
    """What was said of it before the wish that counts now does not stand for a route that may be about to open."""
    model = replace(created()[0], generation=3, served_from=3, exposed=True)
    earlier = observations.route(model, RouteView("removed", 5, 2), NOW)
    now = observations.route(model, RouteView("closed", 6, 4), NOW)
    assert earlier is not None
    assert now is not None
    assert (route_is_closed(earlier.after), route_is_closed(now.after)) == (False, True)
    assert earlier.after.conditions == model.conditions


def test_a_targets_life() -> None:
    """Not offered before it runs, offered while it runs, draining as soon as ECS wants it gone, then away."""
    model, operation = _launched()
    told = []
    looks = (task("PENDING", 1), task("RUNNING", 2), task("RUNNING", 3, desired_status="STOPPED"), task("STOPPED", 4))
    for version, seen in enumerate(looks):
        change = observations.task(model, operation, version or None, seen, None, NOW)
        assert change is not None
        model = change.after
        told.append([target["status"] for target in model.targets()])
        assert bool(change.facts) == (version > 0)
    assert told == [[], ["running"], ["stopping"], []]


def test_an_older_look_at_a_task_is_ignored() -> None:
    """And so is the same one again."""
    model, operation = _launched()
    assert observations.task(model, operation, 7, task(version=7), None, NOW) is None
    assert observations.task(model, operation, 7, task(version=6), None, NOW) is None


def test_a_task_of_a_service_that_is_given_up_is_ignored() -> None:
    """Another generation's, or one after the model has failed."""
    model, operation = _launched()
    assert observations.task(model, operation, None, task(generation=2), None, NOW) is None
    failed = lifecycle.fail(model, operation, Failure("x", "y"), NOW).after
    assert observations.task(failed, None, None, task(), None, NOW) is None


@pytest.mark.parametrize("code", FAILURES)
def test_when_a_failed_start_is_final(code: str) -> None:
    """At once where it is certain to come back, at the second where it may pass, never where only capacity is lacking."""
    outcomes = [gives_up(known(code), count) for count in (1, 2)]
    assert outcomes == ([False, False] if code in WAITS else [False, True] if code in PASSING else [True, True])


def test_the_sets_of_codes_are_the_contracts() -> None:
    """No code is classified that does not exist."""
    assert set(FAILURES) >= PASSING | WAITS


def test_a_failed_start_dooms_once() -> None:
    """The first certain failure stays the operation's reason; a model in service is not doomed."""
    model, operation = _launched()
    first = observations.failed_start(model, operation, "t1", known("weights-corrupt"), NOW)
    assert first is not None
    doomed = first.operations[0][1]
    assert doomed.doom == known("weights-corrupt")
    assert observations.failed_start(first.after, doomed, "t2", known("model-unsupported"), NOW) is None
    assert observations.failed_start(model, None, "t1", known("weights-corrupt"), NOW) is None


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"exit_code": 68, "reasons": ("EssentialContainerExited", "Essential container in task exited")}, "weights-corrupt"),
        ({"exit_code": 0, "reasons": ("EssentialContainerExited", "Essential container in task exited")}, "engine-crashed"),
        ({"exit_code": 1, "reasons": ("EssentialContainerExited", "Essential container in task exited")}, "engine-crashed"),
        ({"exit_code": 137, "reasons": ("EssentialContainerExited", "OutOfMemoryError: killed due to memory usage")}, "out-of-memory-host"),
        ({"reasons": ("TaskFailedToStart", "CannotPullContainerError: no such image")}, "image-pull-failed"),
        ({"reasons": ("TaskFailedToStart", "ResourceInitializationError: unable to pull secrets")}, "task-resources-unavailable"),
        ({"reasons": ("TaskFailedToStart", "TaskFailedToStart: RESOURCE:GPU")}, "capacity-unavailable"),
        ({"exit_code": 143, "reasons": ("SpotInterruption", "Your Spot Task was interrupted.")}, "spot-interrupted"),
        ({"exit_code": 143, "reasons": ("ServiceSchedulerInitiated", "Task failed container health checks")}, "engine-unresponsive"),
        ({"exit_code": 0, "reasons": ("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)")}, None),
        ({"exit_code": 143, "reasons": ("UserInitiated", "stopped by a person")}, None),
        ({}, None),
    ],
)
def test_what_a_task_died_of(more: dict[str, Any], code: str | None) -> None:
    """ECS's words and the exit status become a code of the engine's contract; a stop that was asked for is no failure."""
    failure = death_of(task("STOPPED", desired_status="STOPPED", **more))
    assert (failure.code if failure else None) == code


@pytest.mark.parametrize(
    ("error", "step", "code"),
    [
        (None, None, "operation-failed"),
        ({"Error": "States.HeartbeatTimeout", "Cause": ""}, Step.LAUNCH, "engine-start-timeout"),
        ({"Error": "States.Timeout"}, None, "operation-timeout"),
        ({"Error": "Refused", "Cause": '{"code": "weights-corrupt", "message": "m", "hint": "h"}'}, None, "weights-corrupt"),
        ({"Error": "Refused", "Cause": '{"errorMessage": "ecs-refused: no role", "errorType": "Refused"}'}, None, "ecs-refused"),
        ({"Error": "KeyError", "Cause": '{"errorMessage": "\'x\'"}'}, None, "operation-failed"),
        ({"Error": "Lambda.Unknown", "Cause": "The process: died"}, None, "operation-failed"),
        ({"Error": "Odd", "Cause": "[1]"}, None, "operation-failed"),
    ],
)
def test_what_a_machine_failed_of(error: dict[str, Any] | None, step: Step | None, code: str) -> None:
    """A code of ours, whoever said it; never a stack trace."""
    assert failure_of(error, step).code == code


def test_tasks_are_read_in_both_spellings_of_their_address() -> None:
    """The attachment's privateIPv4Address, the container's privateIpv4Address."""
    detail = task_event(SERVICE, "RUNNING", 3)["detail"]
    assert service_of(detail) == SERVICE
    assert observed(detail, SERVICE, 1).address == "10.0.1.17"
    detail["containers"][0]["networkInterfaces"] = [{"privateIpv4Address": "10.0.1.18"}]
    assert observed(detail, SERVICE, 1).address == "10.0.1.18"
    assert service_of({"group": "family:x"}) is None


def test_names_keep_their_generation() -> None:
    """However long the rest is."""
    assert naming.service_name("prod", "m", "1.2.3", 7) == "slipway-prod-m-1-2-3-g7"
    long = naming.service_name("e" * 100, "m" * 63, "1.0.0-" + "x" * 90, 123)
    assert (len(long), long[-5:]) == (255, "-g123")


def test_deadlines_come_from_the_wish() -> None:
    """A GPU takes longer than a CPU, a stated start time-out counts twice, a provider is quick."""
    cpu, gpu = serving_seconds(spec()), serving_seconds(spec(accelerator={"gpus": 1}))
    stated = serving_seconds(spec(container={"environment": {"SLIPWAY_START_TIMEOUT_SECONDS": "7000"}}))
    assert cpu < gpu < stated
    assert serving_seconds(provider()) == PROVIDER_SECONDS


def test_the_machine_waits_for_the_longest_start_that_may_be_asked_for() -> None:
    """The deadline decides, not the machine's own limit on the step."""
    environment = {"SLIPWAY_START_TIMEOUT_SECONDS": "14400"}
    longest = max(serving_seconds(spec(container={"environment": environment}, accelerator={"gpus": gpus})) for gpus in (0, 1))
    assert asl.load(Path("statemachines/serving/provision_model.asl.yaml"))["States"]["LaunchEngine"]["TimeoutSeconds"] > longest


def test_what_is_cancelled_fails_at_the_next_look() -> None:
    """Wherever its machine waits; a deletion is not cancellable."""
    model, operation = created()
    cancelled = commands.cancel(model, operation, "token:y", NOW).operations[0][1]
    for step in (Step.VALIDATION, Step.LAUNCH, Step.PROVIDER_ROUTE):
        assert awaited(step, model, cancelled, engines_left=True).failure == commands.CANCELLED
    assert not commands.cancellable(replace(operation, goal=Goal.REMOVE))


@pytest.mark.parametrize(
    ("host", "dotted"),
    [
        ("2852039166", "169.254.169.254"),
        ("0xa9fea9fe", "169.254.169.254"),
        ("0251.0376.0251.0376", "169.254.169.254"),
        ("0xa9.254.43518", "169.254.169.254"),
        ("127.1", "127.0.0.1"),
        ("8.8.8.8", "8.8.8.8"),
        ("8.8.8.8.", "8.8.8.8"),
        ("1.2.3.4.5", "0.0.0.0"),
        ("256.1.1.1", "0.0.0.0"),
        ("4294967296", "0.0.0.0"),
        ("09.1", "0.0.0.0"),
        ("api.example.com", None),
        ("1e100.net", None),
    ],
)
def test_numbers_in_disguise(host: str, dotted: str | None) -> None:
    """Decimal, octal, hexadecimal, whole or in parts."""
    assert numeric(host) == dotted


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("64:ff9b::808:808", True),
        ("::ffff:8.8.8.8", True),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("169.254.170.2", False),
        ("224.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:0a00:0001::", False),
        ("2001:0:5ef5:79fd::1", False),
        ("::7f00:1", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("nonsense", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    """An address inside another counts as what it is."""
    assert is_public(address) is public
