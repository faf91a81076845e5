"""Changing a model: what each class of change does, what has to be acknowledged, and how a failed update is taken back."""

from dataclasses import replace
from typing import Any

import pytest

from serving.adapters.instances import RegionInstances
from serving.domain.fields import CLASSES, ChangeClass
from serving.domain.instances import Offer
from serving.domain.model import Spec
from tests.fabric import world
from tests.functional.serving import samples
from tests.functional.serving.changing import RESTART, acknowledged, patch, told_by_routing
from tests.functional.serving.world import TABLE, Serving

_OLD, _NEW = "a" * 32, "b" * 32
_GPU = {"gpus": 1, "gpu_memory_gib": 22.0}


def _service(serving: Serving) -> str:
    return str(serving.model()["deployments"][-1]["service"])


def _no_surge(_: RegionInstances, __: Spec) -> tuple[bool, str]:
    return False, "the quota for such instances is used up"


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """No copy beside those that run."""
    monkeypatch.setattr(RegionInstances, "surge_fits", _no_surge)


def _in_service_with_gpu(serving: Serving) -> str:
    """A hosted model whose copies need a GPU."""
    _, accepted = serving.create(samples.hosted(engine={"kind": "vllm"}, accelerator=_GPU))
    serving.pump()
    serving.hear("ModelVersionValidated", samples.validated(), within=accepted["operation_id"])
    service = _service(serving)
    serving.ecs(samples.task_event(service, "RUNNING", 3))
    told_by_routing(serving, 2, _OLD)
    return service


def test_every_field_of_a_model_has_a_class() -> None:
    """The table is whole: no field of the resource is missing, none is there that the resource does not have."""
    from contracts.model import HostedModel, ProviderModel

    assert set(CLASSES) == set(HostedModel.model_fields) | set(ProviderModel.model_fields)


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "The small one"},
        {"allowed_groups": ["research", "sales"]},
        {"features": {"summarization": {"enabled": True, "description": "Short"}}},
        {"features": {"streaming": False}},
        {"features": {"tool_calls": True}},
        {"features": {"image_input": True}},
        {"generation_defaults": {"max_tokens": 64}},
        {"limits": {"max_in_flight": 10}},
    ],
    ids=str,
)
def test_a_hot_change_waits_only_for_the_routers(serving: Serving, changes: dict[str, Any]) -> None:
    """Updating until the route follows; no service is touched, no acknowledgement asked for, and the wish says it."""
    serving.in_service()
    status, accepted = patch(serving, changes, caller=samples.ADMIN)
    assert status == 202
    assert serving.model()["status"] == "Updating"
    serving.pump()
    told_by_routing(serving, 3, _OLD)
    model = serving.model()
    assert (model["status"], model["generation"], model["observed_generation"]) == ("InService", 2, 2)
    assert serving.operation(accepted["operation_id"])["status"] == "Succeeded"
    assert world.told(TABLE)[-2:] == ["ModelUpdated", "ModelInService"]
    assert len(serving.services()) == 1


def test_a_hot_change_of_a_third_partys_model_waits_for_an_answer_through_it(serving: Serving) -> None:
    """A new key or address is in force once a router had an answer with it; the old one serves until then."""
    serving.create(samples.provider())
    serving.pump()
    serving.hear("RouteChanged", samples.route("open", 1, model_id="claude"))
    patch(serving, {"provider": {"model": "anthropic.claude-opus-4-6"}}, "claude")
    serving.pump()
    told_by_routing(serving, 2, "provider", model_id="claude")
    assert serving.model("claude")["status"] == "Updating"
    told_by_routing(serving, 3, "provider-g2", model_id="claude")
    assert serving.model("claude")["status"] == "InService"


def test_copies_come_before_the_update_has_ended(serving: Serving) -> None:
    """Rolling: the service is told at once, and the operation ends when as many copies answer."""
    service = serving.in_service()
    told_by_routing(serving, 3, _OLD)
    _, accepted = patch(serving, {"capacity": {"max": 3, "desired": 2}})
    serving.pump()
    told_by_routing(serving, 4, _OLD)
    assert serving.operation(accepted["operation_id"])["status"] == "Running"
    serving.ecs(samples.task_event(service, "RUNNING", 3, task=_NEW))
    told_by_routing(serving, 5, _OLD, _NEW)
    assert serving.operation(accepted["operation_id"])["status"] == "Succeeded"
    assert serving.desired(service) == 2


def test_a_restart_has_to_beacknowledged(serving: Serving) -> None:
    """The refusal says what it means for whom, and nothing is written; the acknowledgement is good for exactly this change."""
    serving.in_service()
    before = serving.model()
    status, problem = patch(serving, RESTART)
    assert (status, problem["code"]) == (409, "restart-acknowledgement-required")
    assert problem["blast_radius"]["fields"] == ["container.shared_memory_mib"]
    assert problem["blast_radius"]["strategy"] == "surge"
    assert problem["blast_radius"]["expected_downtime_seconds"] == 0.0
    assert serving.model() == before
    other = {"container": {"shared_memory_mib": 256}, "acknowledge": problem["acknowledge"]}
    status, problem = patch(serving, other)
    assert (status, problem["code"]) == (409, "acknowledgement-mismatch")
    assert serving.model() == before


def test_an_acknowledgement_does_not_outlive_its_generation(serving: Serving) -> None:
    """What was read is no longer what is: it has to be read again."""
    serving.in_service()
    _, problem = patch(serving, RESTART)
    patch(serving, {"description": "changed meanwhile"})
    serving.pump()
    told_by_routing(serving, 3, _OLD)
    status, answer = patch(serving, RESTART | {"acknowledge": problem["acknowledge"]})
    assert (status, answer["code"]) == (409, "acknowledgement-mismatch")


def test_a_surge_lets_the_old_copies_go_when_the_new_ones_answer(serving: Serving) -> None:
    """Two services for a while; routing is told to let go only then; at the end one service and one set of definitions."""
    old = serving.in_service()
    told_by_routing(serving, 3, _OLD)
    accepted = acknowledged(serving, RESTART)
    new = _service(serving)
    assert {old, new} == set(serving.services())
    serving.ecs(samples.task_event(new, "RUNNING", 3, task=_NEW))
    assert [target["status"] for target in world.ledger(TABLE)[-1]["data"]["targets"]] == ["running", "running"]
    told_by_routing(serving, 4, _OLD, _NEW)
    told = world.ledger(TABLE)[-1]
    assert (told["event_type"], [t["status"] for t in told["data"]["targets"]]) == ("CapacityChanged", ["stopping", "running"])
    assert serving.operation(accepted["operation_id"])["status"] == "Running"
    told_by_routing(serving, 5, _NEW)
    serving.ecs(samples.task_event(old, "STOPPED", 9, desired="STOPPED", stopCode="ServiceSchedulerInitiated"))
    model = serving.model()
    assert (model["status"], model["spec"]["container"]["shared_memory_mib"]) == ("InService", 128)
    assert serving.services() == [new]
    assert [name.partition(":")[0] for name in serving.definitions()] == [new]
    assert serving.operation(accepted["operation_id"])["status"] == "Succeeded"


def test_new_copies_that_die_leave_the_old_ones_serving(serving: Serving) -> None:
    """Rolled back to exactly what ran before: wish, service, status; the operation says why, the timeline that it was taken back."""
    old = serving.in_service()
    told_by_routing(serving, 3, _OLD)
    before = serving.model()
    accepted = acknowledged(serving, RESTART)
    serving.ecs(samples.task_event(_service(serving), "RUNNING", 3, task=_NEW))
    serving.ecs(samples.crashed(_service(serving), 5, 72, task=_NEW))
    model, operation = serving.model(), serving.operation(accepted["operation_id"])
    assert (model["status"], model["spec"], model["generation"]) == ("InService", before["spec"], 3)
    assert (operation["status"], operation["reason"]["code"]) == ("Failed", "model-unsupported")
    assert serving.services() == [old]
    updated = [fact for fact in world.ledger(TABLE) if fact["event_type"] == "ModelUpdated"]
    assert [fact["data"].get("rolled_back", False) for fact in updated] == [False, True]
    assert updated[-1]["data"]["changes"] == {"container": {"shared_memory_mib": 64}}
    condition = next(one for one in model["conditions"] if one["type"] == "UpToDate")
    assert (condition["status"], condition["reason"]) == ("False", "RolledBack")


def test_a_name_goes_with_the_wish_that_holds_it(serving: Serving) -> None:
    """An alias can be given and taken away without interrupting anybody; what a model let go of another may have."""
    serving.in_service()
    assert patch(serving, {"aliases": ["gpt-4o", "old"]})[0] == 202
    serving.pump()
    told_by_routing(serving, 3, _OLD)
    assert serving.create(samples.provider("other", aliases=["gpt-4o"]))[0] == 422
    assert patch(serving, {"aliases": ["old"]})[0] == 202
    assert serving.model()["spec"]["aliases"] == ["old"]
    assert serving.create(samples.provider("other", aliases=["gpt-4o"]))[0] == 202
    assert {pk for pk, _ in world.rows(TABLE) if pk.startswith("NAME#")} == {"NAME#smollm2-135m", "NAME#old", "NAME#other", "NAME#gpt-4o"}


def test_a_name_that_is_taken_meanwhile_does_not_come_back_with_the_former_wish(serving: Serving) -> None:
    """An update that lets go of two names fails; one of them has gone to another model, which keeps it."""
    serving.in_service()
    told_by_routing(serving, 3, _OLD)
    assert patch(serving, {"aliases": ["lent", "kept"]})[0] == 202
    serving.pump()
    told_by_routing(serving, 4, _OLD)
    acknowledged(serving, RESTART | {"aliases": []})
    assert serving.create(samples.provider("other", aliases=["lent"]))[0] == 202
    serving.ecs(samples.task_event(_service(serving), "RUNNING", 3, task=_NEW))
    serving.ecs(samples.crashed(_service(serving), 5, 72, task=_NEW))
    assert (serving.model()["status"], serving.model()["spec"]["aliases"]) == ("InService", ["kept"])
    assert serving.model("other")["spec"]["aliases"] == ["lent"]


def test_a_death_among_the_old_copies_is_no_failure_of_the_update(serving: Serving) -> None:
    """Only new copies are starts of the update."""
    old = serving.in_service()
    told_by_routing(serving, 3, _OLD)
    accepted = acknowledged(serving, RESTART)
    serving.ecs(samples.crashed(old, 9, 72))
    assert serving.operation(accepted["operation_id"])["status"] == "Running"
    assert serving.operation(accepted["operation_id"])["doom"] is None


@pytest.mark.usefixtures("no_room")
def test_without_room_for_two_the_old_copies_end_first(serving: Serving) -> None:
    """In place, as acknowledged: the blast radius says so, and the new service is made only when the old engine has ended."""
    old = _in_service_with_gpu(serving)
    _, problem = patch(serving, RESTART)
    assert (problem["blast_radius"]["strategy"], problem["blast_radius"]["surge_fits"]) == ("in_place", False)
    accepted = acknowledged(serving, RESTART)
    assert serving.services() == [old]
    assert serving.desired(old) == 0
    serving.ecs(samples.task_event(old, "STOPPED", 9, desired="STOPPED", stopCode="ServiceSchedulerInitiated"))
    new = _service(serving)
    assert new != old
    serving.ecs(samples.task_event(new, "RUNNING", 3, task=_NEW))
    told_by_routing(serving, 4, _NEW)
    assert serving.operation(accepted["operation_id"])["status"] == "Succeeded"
    assert serving.services() == [new]


@pytest.mark.usefixtures("no_room")
def test_an_update_in_place_that_fails_brings_the_former_copies_back(serving: Serving) -> None:
    """A third service runs the former wish; the operation ends as Failed when that answers."""
    old = _in_service_with_gpu(serving)
    before = serving.model()["spec"]
    accepted = acknowledged(serving, RESTART)
    serving.ecs(samples.task_event(old, "STOPPED", 9, desired="STOPPED", stopCode="ServiceSchedulerInitiated"))
    serving.ecs(samples.crashed(_service(serving), 5, 72, task=_NEW))
    assert serving.model()["status"] == "Updating"
    again = _service(serving)
    serving.ecs(samples.task_event(again, "RUNNING", 3, task="c" * 32))
    told_by_routing(serving, 5, "c" * 32)
    model, operation = serving.model(), serving.operation(accepted["operation_id"])
    assert (model["status"], model["spec"]) == ("InService", before)
    assert (operation["status"], operation["reason"]["code"]) == ("Failed", "model-unsupported")
    assert serving.services() == [again]


@pytest.mark.usefixtures("no_room")
def test_former_copies_that_cannot_be_brought_back_fail_the_model(serving: Serving) -> None:
    """Nothing is tried for ever; retry works from there."""
    old = _in_service_with_gpu(serving)
    acknowledged(serving, RESTART)
    serving.ecs(samples.task_event(old, "STOPPED", 9, desired="STOPPED", stopCode="ServiceSchedulerInitiated"))
    serving.ecs(samples.crashed(_service(serving), 5, 72, task=_NEW))
    serving.ecs(samples.crashed(_service(serving), 5, 72, task="c" * 32))
    assert (serving.model()["status"], serving.services()) == ("Failed", [])
    assert serving.on_model("retry_model")[0] == 202


def test_a_cancelled_update_is_taken_back(serving: Serving) -> None:
    """The operation is Cancelled, the former wish holds."""
    old = serving.in_service()
    told_by_routing(serving, 3, _OLD)
    before = serving.model()["spec"]
    accepted = acknowledged(serving, RESTART)
    path = {"operation_id": accepted["operation_id"]}
    assert serving.http("cancel_operation", "POST", "/x", path_parameters=path)[0] == 202
    serving.machines.advance(0)
    assert serving.operation(accepted["operation_id"])["status"] == "Cancelled"
    assert (serving.model()["status"], serving.model()["spec"], serving.services()) == ("InService", before, [old])


def test_another_artefact_is_validated_before_anything_is_bought(serving: Serving) -> None:
    """A new version waits for the registry; a rejected one changes nothing that runs."""
    old = serving.in_service()
    changes = {"version": "1.1.0", "artifact": {"manifest_sha256": "f" * 64}}
    accepted = acknowledged(serving, changes)
    assert serving.services() == [old]
    told = samples.rejected() | {"version": "1.1.0", "manifest_sha256": "f" * 64}
    serving.hear("ModelVersionRejected", told, within=accepted["operation_id"])
    operation = serving.operation(accepted["operation_id"])
    assert (operation["status"], operation["reason"]["code"]) == ("Failed", "manifest-invalid")
    assert (serving.model()["status"], serving.model()["spec"]["version"], serving.services()) == ("InService", "1.0.0", [old])


def test_a_change_of_a_stopped_or_failed_model_is_kept_for_its_next_start(serving: Serving) -> None:
    """Stored at once, without a machine and without an acknowledgement."""
    service = serving.running()
    serving.ecs(samples.crashed(service, 5, 72))
    assert serving.model()["status"] == "Failed"
    status, accepted = patch(serving, RESTART)
    assert (status, accepted["status"]) == (202, "Succeeded")
    assert (serving.model()["status"], serving.model()["spec"]["container"]["shared_memory_mib"]) == ("Failed", 128)
    serving.on_model("retry_model")
    serving.pump()
    assert serving.model()["status"] == "Creating"


def test_more_copies_than_there_is_room_for_are_refused(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once and with the reason, not after a quarter of an hour of waiting for an instance; fewer copies are always possible."""
    _in_service_with_gpu(serving)
    whole = RegionInstances.offer

    def small(self: RegionInstances, **asked: bool) -> Offer:
        return replace(whole(self, **asked), capacity="AutoScalingGroup", most_instances=1)

    monkeypatch.setattr(RegionInstances, "offer", small)
    before = serving.model()
    status, problem = patch(serving, {"capacity": {"max": 40, "desired": 30}})
    assert (status, problem["errors"][0]["path"], problem["errors"][0]["code"]) == (422, "capacity.desired", "no-room")
    assert "at most 1 instance" in problem["errors"][0]["message"]
    assert serving.model() == before
    assert patch(serving, {"capacity": {"max": 40}})[0] == 202


def test_of_two_changes_one_is_told_by_what_it_was_refused(serving: Serving) -> None:
    """The second names the operation that is under way; a stale If-Match names the generation."""
    serving.in_service()
    _, accepted = patch(serving, {"description": "first"})
    status, problem = patch(serving, {"description": "second"})
    assert (status, problem["code"], problem["operation"]) == (409, "operation-in-progress", accepted["operation_id"])
    status, problem = patch(serving, {"description": "second"}, headers={"if-match": '"1"'})
    assert (status, problem["code"]) == (412, "generation-stale")


def test_what_is_true_already_changes_nothing(serving: Serving) -> None:
    """Accepted, at its end, without an event and without a new generation."""
    serving.in_service()
    before = serving.model()["generation"], world.told(TABLE)
    status, accepted = patch(serving, {"tags": {"team": "ml"}})
    assert (status, accepted["status"]) == (202, "Succeeded")
    assert (serving.model()["generation"], world.told(TABLE)) == before


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"model_id": "other"}, "model_id", "field-fixed"),
        ({"task": "embedding"}, "task", "field-fixed"),
        ({"provider": {"name": "bedrock"}}, "provider", "not-for-hosted-models"),
        ({"capacity": {"min": 3}}, "capacity", "value-error"),
        ({"capacity": {"desired": 9}}, "capacity", "value-error"),
        ({"capacity": {"desired": 0}}, "capacity.desired", "too-small"),
        ({"container": {"environment": {"LD_PRELOAD": "x"}}}, "container.environment", "value-error"),
        ({"container": {"nonsense": 1}}, "container.nonsense", "extra-forbidden"),
        ({"nonsense": 1}, "nonsense", "extra-forbidden"),
        ({"allowed_groups": None}, "allowed_groups", "missing"),
        ({"acknowledge": "yes"}, "acknowledge", "string-pattern-mismatch"),
    ],
    ids=str,
)
def test_what_cannot_be_changed_so_is_refused_with_its_path(serving: Serving, changes: dict[str, Any], path: str, code: str) -> None:
    """422, the field, a code, and the model as it was."""
    serving.in_service()
    before = serving.model()
    status, problem = patch(serving, changes)
    assert (status, [(one["path"], one["code"]) for one in problem["errors"]]) == (422, [(path, code)])
    assert serving.model() == before


@pytest.mark.parametrize("part", ["container", "capacity", "engine", "accelerator", "artifact"])
def test_a_third_partys_model_has_nothing_of_ours_to_change(serving: Serving, part: str) -> None:
    """Refused with the reason."""
    serving.create(samples.provider())
    status, _ = patch(serving, {part: {}}, "claude")
    assert status == 409  # still being created: first things first
    serving.pump()
    serving.hear("RouteChanged", samples.route("open", 1, model_id="claude"))
    status, problem = patch(serving, {part: {}}, "claude")
    assert (status, problem["errors"][0]["path"], problem["errors"][0]["code"]) == (422, part, "not-for-provider-models")


def test_a_group_that_is_not_ones_own_cannot_be_let_in(serving: Serving) -> None:
    """What the model was given already stays, by whomever it is changed."""
    serving.in_service()
    status, problem = patch(serving, {"allowed_groups": ["research", "sales"]})
    assert (status, problem["code"]) == (403, "group-not-yours")


def test_every_class_is_used() -> None:
    """Whatever is fixed is refused, whatever is not has one of three classes."""
    assert set(CLASSES.values()) == set(ChangeClass)
