"""Deleting, retrying, cancelling: what was built goes, and what was promised is kept."""

from contracts.catalogue import EVENTS
from tests.fabric import world
from tests.fabric.wire import queue_event
from tests.functional.serving import samples
from tests.functional.serving.world import TABLE, Serving, own_event


def _delete(serving: Serving) -> str:
    status, accepted = serving.on_model("delete_model")
    assert status == 202
    serving.pump()
    return str(accepted["operation_id"])


def test_a_deletion_closes_stops_and_erases(serving: Serving) -> None:
    """Route, then engines, then service, task definition and rows; only ledger and tombstone stay."""
    service = serving.in_service()
    operation = _delete(serving)
    assert serving.operation(operation)["phase"] == "closing-route"
    serving.hear("RouteChanged", samples.route("closed", 3, generation=2))
    assert serving.operation(operation)["phase"] == "stopping-engines"
    serving.ecs(samples.task_event(service, "STOPPED", 6, desired="STOPPED", stopCode="ServiceSchedulerInitiated"))
    assert serving.operation(operation)["status"] == "Succeeded"
    assert (serving.services(), serving.definitions()) == ([], [])
    assert serving.on_model("read_model")[0] == 404
    assert world.told(TABLE)[-2:] == ["ModelDeletionRequested", "ModelDeleted"]
    assert not [pk for pk, _ in world.rows(TABLE) if pk.startswith("NAME#")]
    left = {sk.split("#")[0] for pk, sk in world.rows(TABLE) if pk == f"MODEL#{samples.MODEL_ID}"}
    assert left == {"MODEL", "LEDGER"}
    assert serving.on_model("list_model_events")[1]["items"][-1]["event_type"] == "ModelDeleted"


def test_a_used_id_comes_to_life_again_with_rising_counters(serving: Serving) -> None:
    """Generation and revision go on; the new owner does not see the old life, an administrator does."""
    test_a_deletion_closes_stops_and_erases(serving)
    status, _ = serving.create(samples.hosted(allowed_groups=["sales"]), samples.STRANGER)
    assert status == 202
    assert (serving.model()["generation"], serving.model()["revision"]) == (3, 6)
    shown = serving.on_model("list_model_events", caller=samples.STRANGER)[1]["items"]
    assert [entry["revision"] for entry in shown] == [6]
    assert len(serving.on_model("list_model_events", caller=samples.ADMIN)[1]["items"]) == 6
    assert serving.on_model("read_model")[0] == 404


def test_a_deletion_supersedes_a_creation(serving: Serving) -> None:
    """The creation ends Superseded, its execution is stopped, and nothing of it stays."""
    service = serving.running()
    creation = serving.model()["operation"]
    _delete(serving)
    assert serving.operation(creation)["status"] == "Superseded"
    assert serving.machines.executions["provision", creation].status == "ABORTED"
    serving.hear("RouteChanged", samples.route("open", 2))
    assert serving.operation(creation)["status"] == "Superseded"
    serving.hear("RouteChanged", samples.route("closed", 3, generation=2))
    serving.ecs(samples.task_event(service, "STOPPED", 6, desired="STOPPED", stopCode="ServiceSchedulerInitiated"))
    assert serving.model()["deleted"]
    assert serving.services() == []


def test_a_creation_that_has_ended_of_itself_holds_no_deletion_up(serving: Serving) -> None:
    """Its step was refused as superseded before the deletion came to stop it: there is nothing to stop, and the deletion goes on."""
    _, accepted = serving.create()
    serving.run("on_model_requested", queue_event([own_event(world.ledger(TABLE)[-1])]))
    _, deletion = serving.on_model("delete_model")
    serving.machines.advance(0)
    assert serving.machines.executions["provision", accepted["operation_id"]].status == "SUCCEEDED"
    serving.pump()
    assert serving.operation(deletion["operation_id"])["status"] == "Succeeded"


def test_a_model_that_nobody_was_told_of_has_no_route_to_close(serving: Serving) -> None:
    """A hosted model without any copy yet is deleted without waiting for routing."""
    serving.create()
    serving.pump()
    operation = _delete(serving)
    assert serving.operation(operation)["status"] == "Succeeded"


def test_silent_routing_does_not_keep_engines_alive(serving: Serving) -> None:
    """After minutes without a word the engines are stopped all the same."""
    serving.in_service()
    operation = _delete(serving)
    serving.machines.advance(301)
    assert serving.operation(operation)["phase"] == "stopping-engines"


def test_an_older_generations_progress_is_no_sign_of_life(serving: Serving) -> None:
    """A router that still probes what is on its way out does not keep the deletion waiting."""
    serving.in_service()
    operation = _delete(serving)
    serving.machines.advance(200)
    serving.hear("RouteHealthObserved", samples.health("progressing", phase="loading"))
    serving.machines.advance(50)
    assert serving.operation(operation)["phase"] == "stopping-engines"


def test_engines_that_never_stop_fail_the_deletion_and_retry_finishes_it(serving: Serving) -> None:
    """Failed is no dead end: the retry of a deletion deletes."""
    service = serving.in_service()
    operation = _delete(serving)
    serving.hear("RouteChanged", samples.route("closed", 3, generation=2))
    serving.machines.advance(1000)
    assert serving.operation(operation)["reason"]["code"] == "stop-timeout"
    assert (serving.model()["status"], serving.services()) == ("Failed", [])
    status, accepted = serving.on_model("retry_model")
    assert status == 202
    serving.pump()
    assert serving.operation(accepted["operation_id"])["status"] == "Succeeded"
    assert serving.model()["deleted"]
    assert service not in serving.services()


def test_a_failed_creation_is_retried_under_a_new_generation(serving: Serving) -> None:
    """With another service; what was validated need not be validated again."""
    service = serving.running()
    serving.ecs(samples.crashed(service, 5, 72))
    status, accepted = serving.on_model("retry_model", if_match='"1"')
    assert (status, serving.model()["generation"]) == (202, 2)
    serving.pump()
    assert serving.services() == [service.replace("-g1", "-g2")]
    serving.ecs(samples.task_event(serving.services()[0], "RUNNING", 3, task="e" * 32))
    serving.hear("RouteChanged", samples.route("open", 5, generation=2))
    assert serving.operation(accepted["operation_id"])["status"] == "Succeeded"
    assert serving.model()["failure"] is None


def test_a_rejected_artefact_is_looked_at_again_when_retried(serving: Serving) -> None:
    """The old rejection does not speak for the new attempt."""
    _, first = serving.create()
    serving.pump()
    serving.hear("ModelVersionRejected", samples.rejected(), within=first["operation_id"])
    _, second = serving.on_model("retry_model")
    serving.pump()
    assert serving.model()["status"] == "Creating"
    serving.hear("ModelVersionValidated", samples.validated(), within=second["operation_id"])
    assert len(serving.services()) == 1


def test_a_cancelled_creation_is_taken_down(serving: Serving) -> None:
    """Operation Cancelled, model Failed with that reason, nothing left; what is settled cannot be cancelled again."""
    serving.running()
    given = {"operation_id": serving.model()["operation"]}
    status, body, _ = serving.http("cancel_operation", "POST", "/x", path_parameters=given)
    assert (status, body["operation_id"]) == (202, given["operation_id"])
    serving.machines.advance(0)
    assert serving.operation(given["operation_id"])["status"] == "Cancelled"
    assert (serving.model()["status"], serving.model()["failure"]["code"]) == ("Failed", "operation-cancelled")
    assert (serving.services(), serving.definitions()) == ([], [])
    EVENTS["ModelFailed"].validate_document(world.ledger(TABLE)[-1]["data"])
    assert serving.http("cancel_operation", "POST", "/x", path_parameters=given)[1]["code"] == "operation-ended"


def test_an_operation_that_has_not_begun_can_be_cancelled(serving: Serving) -> None:
    """The machine finds the wish when it starts."""
    given = {"operation_id": serving.create()[1]["operation_id"]}
    assert serving.http("cancel_operation", "POST", "/x", path_parameters=given)[0] == 202
    serving.pump()
    assert serving.operation(given["operation_id"])["status"] == "Cancelled"


def test_a_deletion_cannot_be_cancelled(serving: Serving) -> None:
    """409."""
    serving.in_service()
    given = {"operation_id": _delete(serving)}
    assert serving.http("cancel_operation", "POST", "/x", path_parameters=given)[1]["code"] == "operation-not-cancellable"


def test_a_second_deletion_follows_the_first(serving: Serving) -> None:
    """The same operation is answered, and told of once."""
    serving.in_service()
    first = _delete(serving)
    assert serving.on_model("delete_model")[1]["operation_id"] == first
    assert world.told(TABLE).count("ModelDeletionRequested") == 1


def test_copies_that_end_after_a_deletion_began_are_not_offered_to_routing(serving: Serving) -> None:
    """No CapacityChanged behind ModelDeletionRequested: it could open the route again."""
    service = serving.in_service()
    _delete(serving)
    serving.ecs(samples.task_event(service, "RUNNING", 3, task="f" * 32))
    assert world.told(TABLE)[-1] == "ModelDeletionRequested"


def test_a_lost_copy_of_a_model_in_service_is_told(serving: Serving) -> None:
    """Routing learns at once that a copy is stopping, and that it is gone; the model stays in service."""
    service = serving.in_service()
    serving.ecs(samples.task_event(service, "RUNNING", 4, desired="STOPPED"))
    assert world.ledger(TABLE)[-1]["data"]["targets"][0]["status"] == "stopping"
    serving.ecs(samples.crashed(service, 5, 80))
    told = world.ledger(TABLE)[-1]
    assert (told["event_type"], told["data"]["targets"], told["data"]["running"]) == ("CapacityChanged", [], 0)
    assert serving.model()["status"] == "InService"


def test_conditions_follow_a_copy_that_dies_and_is_replaced(serving: Serving) -> None:
    """Neither ready nor open while nothing answers; both again once the next copy does."""
    service = serving.in_service()
    assert _told(serving) == {"EngineReady": "True", "RouteOpen": "True"}
    serving.ecs(samples.crashed(service, 5, 80))
    assert _told(serving)["EngineReady"] == "False"
    serving.hear("RouteChanged", samples.route("probing", 3))
    assert _told(serving) == {"EngineReady": "False", "RouteOpen": "False"}
    serving.ecs(samples.task_event(service, "RUNNING", 3, task="b" * 32))
    serving.hear("RouteChanged", samples.route("open", 4))
    assert _told(serving) == {"EngineReady": "True", "RouteOpen": "True"}


def test_a_cancelled_creation_is_ended_by_whoever_cancelled_it(serving: Serving) -> None:
    """The timeline names them, not whoever had asked for the model."""
    _, accepted = serving.create()
    serving.pump()
    where = {"operation_id": accepted["operation_id"]}
    serving.http("cancel_operation", "POST", f"/operations/{accepted['operation_id']}/cancel", samples.ADMIN, path_parameters=where)
    serving.machines.advance(0)
    failed = world.ledger(TABLE)[-1]
    assert (failed["event_type"], failed["metadata"]["actor"]) == ("ModelFailed", "token:admin")


def _told(serving: Serving) -> dict[str, str]:
    conditions = serving.on_model("read_model")[1]["conditions"]
    return {told["type"]: told["status"] for told in conditions if told["type"] in {"EngineReady", "RouteOpen"}}


def test_an_older_event_about_a_task_is_history(serving: Serving) -> None:
    """The newest version wins, also over a redelivery that comes last."""
    service = serving.in_service()
    serving.ecs(samples.crashed(service, 5, 80))
    before = world.rows(TABLE)
    serving.ecs(samples.task_event(service, "RUNNING", 3))
    serving.ecs(samples.crashed(service, 5, 80))
    assert world.rows(TABLE) == before
