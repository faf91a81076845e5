"""Stopping and starting: routes first, then engines; the wish stays, and what changed meanwhile is what starts."""

from typing import Any

from tests.fabric import world
from tests.functional.serving import samples
from tests.functional.serving.changing import told_by_routing
from tests.functional.serving.world import TABLE, Serving

_OLD = "a" * 32


def _stopping(serving: Serving) -> tuple[str, Any]:
    """In service, and told to stop: its ECS service and the accepted operation."""
    service = serving.in_service()
    status, accepted = serving.on_model("stop_model")
    assert status == 202
    serving.pump()
    return service, accepted


def _stopped(serving: Serving) -> Any:
    service, accepted = _stopping(serving)
    told_by_routing(serving, 3, state="closed")
    serving.ecs(samples.task_event(service, "STOPPED", 9, desired="STOPPED", stopCode="ServiceSchedulerInitiated"))
    assert serving.model()["status"] == "Stopped"
    return accepted


def test_a_stop_closes_the_route_before_it_ends_the_engines(serving: Serving) -> None:
    """Stopping → (route closed) engines told to end → (last task ended) Stopped; nothing is left but the wish."""
    service, accepted = _stopping(serving)
    assert (serving.model()["status"], serving.desired(service)) == ("Stopping", 1)
    told_by_routing(serving, 3, state="closed")
    assert serving.desired(service) == 0
    assert serving.operation(accepted["operation_id"])["status"] == "Running"
    serving.ecs(samples.task_event(service, "STOPPED", 9, desired="STOPPED", stopCode="ServiceSchedulerInitiated"))
    model = serving.model()
    assert (model["status"], model["deployments"], model["asleep"]) == ("Stopped", [], False)
    assert (serving.services(), serving.definitions()) == ([], [])
    assert world.told(TABLE)[-2:] == ["ModelStopRequested", "ModelStopped"]
    assert serving.operation(accepted["operation_id"])["status"] == "Succeeded"


def test_engines_that_do_not_end_are_removed_with_their_service(serving: Serving) -> None:
    """A stop ends in any case: GPUs cost 30 dollars an hour."""
    _, accepted = _stopping(serving)
    told_by_routing(serving, 3, state="closed")
    serving.machines.advance(1000)
    assert (serving.model()["status"], serving.services()) == ("Stopped", [])
    assert serving.operation(accepted["operation_id"])["status"] == "Succeeded"


def test_a_start_runs_what_was_changed_meanwhile(serving: Serving) -> None:
    """A change made while stopped is what the next start runs; the start lasts until a router had an answer."""
    _stopped(serving)
    path = {"model_id": samples.MODEL_ID}
    changes = {"container": {"shared_memory_mib": 256}}
    assert serving.http("update_model", "PATCH", "/x", path_parameters=path, body=changes)[0] == 202
    assert serving.model()["status"] == "Stopped"
    status, accepted = serving.on_model("start_model")
    assert status == 202
    serving.pump()
    model = serving.model()
    assert (model["status"], model["spec"]["container"]["shared_memory_mib"]) == ("Starting", 256)
    service = model["deployments"][-1]["service"]
    serving.ecs(samples.task_event(service, "RUNNING", 3, task="b" * 32))
    told_by_routing(serving, 5, "b" * 32)
    assert serving.model()["status"] == "InService"
    assert serving.operation(accepted["operation_id"])["status"] == "Succeeded"
    assert len(serving.model()["start_seconds"]) == 2


def test_a_third_partys_model_is_stopped_and_started_by_its_route(serving: Serving) -> None:
    """Nothing else is there to stop."""
    serving.create(samples.provider())
    serving.pump()
    serving.hear("RouteChanged", samples.route("open", 1, model_id="claude"))
    serving.on_model("stop_model", "claude")
    serving.pump()
    told_by_routing(serving, 2, state="closed", model_id="claude")
    assert serving.model("claude")["status"] == "Stopped"
    serving.on_model("start_model", "claude")
    serving.pump()
    told_by_routing(serving, 3, "provider", model_id="claude")
    assert serving.model("claude")["status"] == "InService"


def test_what_cannot_be_started_or_stopped_is_refused_in_words(serving: Serving) -> None:
    """409 with a code that says why."""
    serving.in_service()
    status, problem = serving.on_model("start_model")
    assert (status, problem["code"]) == (409, "start-not-possible")
    serving.on_model("stop_model")
    status, problem = serving.on_model("stop_model")
    assert (status, problem["code"]) == (409, "operation-in-progress")
    status, problem = serving.on_model("start_model")
    assert (status, problem["code"]) == (409, "operation-in-progress")


def test_a_stopped_model_cannot_be_stopped(serving: Serving) -> None:
    """409, and nothing is written."""
    _stopped(serving)
    before = serving.model()
    status, problem = serving.on_model("stop_model")
    assert (status, problem["code"], serving.model()) == (409, "stop-not-possible", before)


def test_a_stop_supersedes_what_is_under_way(serving: Serving) -> None:
    """A model that is still being created, or changed, can be stopped at once: its operation ends as Superseded."""
    service = serving.running()
    creating = serving.model()["operation"]
    serving.on_model("stop_model")
    serving.pump()
    assert serving.operation(creating)["status"] == "Superseded"
    told_by_routing(serving, 3, state="closed")
    serving.ecs(samples.task_event(service, "STOPPED", 9, desired="STOPPED", stopCode="ServiceSchedulerInitiated"))
    assert (serving.model()["status"], serving.services()) == ("Stopped", [])


def test_a_start_that_is_cancelled_ends_stopped(serving: Serving) -> None:
    """Cancelled, and the model is what it was: stopped, with nothing left of the try."""
    _stopped(serving)
    _, accepted = serving.on_model("start_model")
    serving.pump()
    path = {"operation_id": accepted["operation_id"]}
    assert serving.http("cancel_operation", "POST", "/x", path_parameters=path)[0] == 202
    serving.machines.advance(0)
    assert serving.operation(accepted["operation_id"])["status"] == "Cancelled"
    assert (serving.model()["status"], serving.services()) == ("Stopped", [])


def test_a_stop_that_is_cancelled_is_followed_by_a_start(serving: Serving) -> None:
    """The stop ends as Cancelled; a start takes its place and removes what was told to end."""
    old, accepted = _stopping(serving)
    path = {"operation_id": accepted["operation_id"]}
    assert serving.http("cancel_operation", "POST", "/x", path_parameters=path)[0] == 202
    serving.pump()
    assert serving.operation(accepted["operation_id"])["status"] == "Cancelled"
    model = serving.model()
    assert model["status"] == "Starting"
    new = model["deployments"][-1]["service"]
    assert new != old
    serving.ecs(samples.task_event(new, "RUNNING", 3, task="b" * 32))
    told_by_routing(serving, 4, "b" * 32)
    assert (serving.model()["status"], serving.services()) == ("InService", [new])


def test_a_failed_start_can_be_retried_and_deleted(serving: Serving) -> None:
    """Failed is no dead end."""
    _stopped(serving)
    serving.on_model("start_model")
    serving.pump()
    service = serving.model()["deployments"][-1]["service"]
    serving.ecs(samples.crashed(service, 5, 72, task="b" * 32))
    assert serving.model()["status"] == "Failed"
    assert serving.on_model("retry_model")[0] == 202
    assert serving.on_model("delete_model")[0] == 202


def test_a_stopped_model_can_be_deleted(serving: Serving) -> None:
    """At once: its route is closed already."""
    _stopped(serving)
    serving.on_model("delete_model")
    serving.pump()
    assert serving.on_model("read_model")[0] == 404


def test_a_protected_model_is_not_deleted(serving: Serving) -> None:
    """409 until the protection is taken away."""
    serving.create(samples.hosted(delete_protection=True))
    status, problem = serving.on_model("delete_model")
    assert (status, problem["code"]) == (409, "delete-protected")
