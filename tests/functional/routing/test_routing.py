"""Routing's functions, from the bus to the table and back to the bus."""

import json
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

import pytest

from contracts.routing import RouteChanged, route_of
from kit.aws import client
from tests.fabric.crash import sweep, watching
from tests.fabric.wire import Context, stream_event
from tests.fabric.world import images, ledger, rows, settled, told
from tests.functional.routing.conftest import React, routing_world
from tests.functional.routing.samples import (
    MODEL_ID,
    capacity_changed,
    ended,
    health,
    hosted_model,
    model_requested,
    model_updated,
    provider_model,
    provider_model_of,
    stop_requested,
    ulid,
)

ROUTE = ("ROUTES", f"ROUTE#{MODEL_ID}")
FAILED: dict[str, Any] = {"operation": "create", "failure": {"code": "engine-crashed", "message": "It stopped.", "hint": ""}}


def _route() -> dict[str, Any]:
    return rows("routes")[ROUTE]


def test_a_hosted_model_from_its_first_task_to_an_open_route(react: React) -> None:
    """Probed, then open; each fact is a valid event that carries the whole row, under rising revisions."""
    react("on_capacity_changed", "CapacityChanged", capacity_changed(), 1)
    react("on_route_health_observed", "RouteHealthObserved", health("ready"), 2, "routing")
    facts = [RouteChanged.validate_document(fact["data"]) for fact in ledger("routes")]
    assert [(fact.revision, fact.state) for fact in facts] == [(1, "probing"), (2, "open")]
    assert facts[1].route == route_of(_route())
    assert _route()["targets"][0]["weight"] == 10_000


def test_the_event_says_what_caused_it(react: React) -> None:
    """Correlation is inherited, causation is the id of the event that was reacted to."""
    react("on_capacity_changed", "CapacityChanged", capacity_changed(), 7)
    metadata = ledger("routes")[0]["metadata"]
    assert (metadata["causation_id"], metadata["correlation_id"], metadata["producer"]) == (
        ulid(7),
        "01KAHV5X3V8Q4T1N6F2R7C9B0D",
        "routing",
    )


def test_a_provider_is_offered_and_a_hosted_model_is_not(react: React) -> None:
    """Only a provider's route begins with the request; it names the secret and does not hold it."""
    react("on_model_requested", "ModelRequested", model_requested(hosted_model()), 1)
    assert told("routes") == []
    react("on_model_requested", "ModelRequested", model_requested(provider_model()), 2)
    assert (_route()["targets"][0]["kind"], _route()["targets"][0]["status"]) == ("provider", "probing")
    assert _route()["provider"]["secret"].startswith("arn:aws:secretsmanager:")


def test_progress_writes_nothing(react: React) -> None:
    """Heartbeats are serving's business."""
    react("on_capacity_changed", "CapacityChanged", capacity_changed(), 1)
    with watching() as watch:
        react("on_route_health_observed", "RouteHealthObserved", health("progressing"), 2, "routing")
    assert watch.calls == []


@pytest.mark.parametrize("event", [health("ready", target_id="gone"), health("failed", target_id="gone")])
def test_late_health_writes_nothing(react: React, event: dict[str, Any]) -> None:
    """What is said of a target that is not there costs a read and changes nothing."""
    react("on_capacity_changed", "CapacityChanged", capacity_changed(), 1)
    with watching() as watch:
        react("on_route_health_observed", "RouteHealthObserved", event, 2, "routing")
    assert watch.of("TransactWriteItems") == []


def test_deletion_is_answered_with_and_without_a_route(react: React) -> None:
    """`closed` where there was a route, `removed` where there was none; once for each request."""
    for _ in range(2):
        react("on_model_deletion_requested", "ModelDeletionRequested", ended(1, hosting="hosted"), 1)
    assert [fact["data"]["state"] for fact in ledger("routes")] == ["removed"]
    react("on_capacity_changed", "CapacityChanged", capacity_changed(), 2)
    for _ in range(2):
        react("on_model_deletion_requested", "ModelDeletionRequested", ended(2, hosting="hosted"), 3)
    react("on_model_deleted", "ModelDeleted", ended(2), 4)
    assert [fact["data"]["state"] for fact in ledger("routes")] == ["removed", "probing", "closed", "removed"]
    assert ROUTE not in rows("routes")


def test_a_late_event_does_not_bring_a_deleted_route_back(react: React) -> None:
    """The end is remembered."""
    react("on_capacity_changed", "CapacityChanged", capacity_changed(), 1)
    react("on_model_deleted", "ModelDeleted", ended(), 5)
    react("on_capacity_changed", "CapacityChanged", capacity_changed(), 3)
    assert ROUTE not in rows("routes")


def test_servings_revision_orders_what_its_clocks_do_not(react: React) -> None:
    """Ids are made by many machines: a deletion whose id seems older than the last report closes the route all the same."""
    react("on_capacity_changed", "CapacityChanged", capacity_changed() | {"revision": 3}, 9)
    react("on_capacity_changed", "CapacityChanged", capacity_changed(1, ("task-0", "running")) | {"revision": 2}, 10)
    assert [target["target_id"] for target in _route()["targets"]] == ["task-1"]
    react("on_model_deletion_requested", "ModelDeletionRequested", ended(2, hosting="hosted", revision=4), 8)
    assert _route()["state"] == "closed"


def test_an_event_without_a_revision_is_older_than_one_with(react: React) -> None:
    """Those were written before there were revisions."""
    react("on_capacity_changed", "CapacityChanged", capacity_changed() | {"revision": 1}, 1)
    react("on_model_failed", "ModelFailed", ended(**FAILED), 2)
    assert _route()["state"] == "probing"


def test_an_update_reaches_routers_at_once(react: React) -> None:
    """Limits, groups, features and defaults change under the update's generation; version and targets are capacity's to tell."""
    react("on_capacity_changed", "CapacityChanged", capacity_changed(), 1)
    react("on_route_health_observed", "RouteHealthObserved", health("ready"), 2, "routing")
    before = _route()
    wish = hosted_model() | {
        "allowed_groups": ["sales"],
        "limits": {"max_in_flight": 7},
        "generation_defaults": {"max_tokens": 9},
        "version": "2.0.0",
        "description": "new",
        "aliases": ["gpt-4o"],
        "fallbacks": ["other"],
        "pin_groups": ["testers"],
    }
    react("on_model_updated", "ModelUpdated", model_updated(wish), 3)
    after = _route()
    assert (after["generation"], after["allowed_groups"], after["limits"]["max_in_flight"]) == (2, ["sales"], 7)
    assert after["generation_defaults"]["max_tokens"] == 9
    assert (after["aliases"], after["fallbacks"], after["pin_groups"]) == (["gpt-4o"], ["other"], ["testers"])
    for kept in ("targets", "state", "version", "created_at"):
        assert after[kept] == before[kept], kept
    assert ledger("routes")[-1]["data"]["generation"] == 2


def test_shares_of_versions_outlive_what_happens_to_targets(react: React) -> None:
    """Whoever moves a rollout sets them; updates, copies that come and go, and health leave them as they are."""
    react("on_capacity_changed", "CapacityChanged", capacity_changed(), 1)
    shares = [{"version": "1.0.0", "weight": 9_000}, {"version": "1.1.0", "weight": 1_000}]
    client("dynamodb").update_item(
        TableName="routes",
        Key={"pk": {"S": ROUTE[0]}, "sk": {"S": ROUTE[1]}},
        UpdateExpression="SET document = :document",
        ExpressionAttributeValues={":document": {"S": json.dumps(_route() | {"versions": shares})}},
    )
    react("on_route_health_observed", "RouteHealthObserved", health("ready"), 2, "routing")
    react("on_capacity_changed", "CapacityChanged", capacity_changed(1, ("task-1", "running"), ("task-2", "running"), desired=2), 3)
    react("on_model_updated", "ModelUpdated", model_updated(hosted_model() | {"description": "new"}), 4)
    assert _route()["description"] == "new"
    assert _route()["versions"] == shares


def test_another_provider_is_tried_and_takes_over(react: React) -> None:
    """The candidate stands in the row with its own provider; after it has answered the row's provider is that one."""
    react("on_model_requested", "ModelRequested", model_requested(provider_model()), 1)
    react("on_route_health_observed", "RouteHealthObserved", health("ready", target_id="provider"), 2, "routing")
    react("on_model_updated", "ModelUpdated", model_updated(provider_model_of("gpt-6")), 3)
    assert [(target["target_id"], (target["provider"] or {}).get("model")) for target in _route()["targets"]] == [
        ("provider", None),
        ("provider-g2", "gpt-6"),
    ]
    assert (_route()["state"], _route()["provider"]["model"]) == ("open", "gpt-5")
    react("on_route_health_observed", "RouteHealthObserved", health("ready", 2, "provider-g2"), 4, "routing")
    assert (_route()["state"], _route()["provider"]["model"]) == ("open", "gpt-6")
    assert [(target["target_id"], target["provider"]) for target in _route()["targets"]] == [("provider-g2", None)]


def test_from_sleep_to_the_next_answer(react: React) -> None:
    """Asleep with what a start takes; nothing of the old generation wakes it, the copies of the new one do."""
    react("on_capacity_changed", "CapacityChanged", capacity_changed(), 1)
    react("on_route_health_observed", "RouteHealthObserved", health("ready"), 2, "routing")
    react("on_model_stop_requested", "ModelStopRequested", stop_requested(asleep=True, expected=42.0), 3)
    assert (_route()["state"], _route()["expected_start_seconds"], ledger("routes")[-1]["data"]["generation"]) == ("asleep", 42.0, 2)
    react("on_capacity_changed", "CapacityChanged", capacity_changed(2, ("task-1", "running"), desired=0), 4)
    assert (_route()["state"], _route()["targets"][0]["status"]) == ("asleep", "draining")
    react("on_capacity_changed", "CapacityChanged", capacity_changed(3, ("task-2", "running")), 5)
    react("on_route_health_observed", "RouteHealthObserved", health("ready", 3, "task-2"), 6, "routing")
    assert (_route()["state"], _route()["expected_start_seconds"]) == ("open", None)


def test_a_row_from_before_models_could_stop_is_read(react: React) -> None:
    """It lacks what a stop remembers, which means that there was none."""
    react("on_capacity_changed", "CapacityChanged", capacity_changed(), 1)
    (row,) = [image for image in images("routes") if image["sk"]["S"] == ROUTE[1]]
    row.pop("stopped")
    client("dynamodb").put_item(TableName="routes", Item=row)
    react("on_route_health_observed", "RouteHealthObserved", health("ready"), 2, "routing")
    assert _route()["state"] == "open"


def test_a_failed_model_is_closed(react: React) -> None:
    """Nobody is sent to what is torn down."""
    react("on_capacity_changed", "CapacityChanged", capacity_changed(), 1)
    react("on_model_failed", "ModelFailed", ended(**FAILED), 2)
    assert (_route()["state"], _route()["targets"][0]["status"]) == ("closed", "draining")


def test_announces_each_ledger_row_and_forgets_its_marker(react: React) -> None:
    """The stream's rows go to the bus as they were recorded; afterwards no marker is left for the sweep."""
    react("on_capacity_changed", "CapacityChanged", capacity_changed(), 1)
    recorded = [image for image in images("routes") if image["sk"]["S"].startswith("LEDGER#")]
    with watching() as watch:
        answer = import_module("functions.routing.announce_route_changes.handler").handler(stream_event(recorded), Context())
    assert answer == {"batchItemFailures": []}
    (entry,) = watch.of("PutEvents")[0].parameters["Entries"]
    assert (entry["Source"], entry["DetailType"], entry["EventBusName"]) == ("slipway.routing", "RouteChanged", "bus")
    assert json.loads(entry["Detail"])["data"] == ledger("routes")[0]["data"]
    assert not any(pk.startswith("OUTBOX#") for pk, _ in rows("routes"))


def test_the_sweep_leaves_young_markers_to_the_stream(react: React) -> None:
    """Under a minute old is not forgotten; made old, it is announced once."""
    react("on_capacity_changed", "CapacityChanged", capacity_changed(), 1)
    handler = import_module("functions.routing.sweep_routes.handler").handler
    assert handler({}, Context()) == {"announced": 0}
    _make_old()
    assert handler({}, Context()) == {"announced": 1}
    assert handler({}, Context()) == {"announced": 0}


def _make_old() -> None:
    for image in images("routes"):
        if image["sk"]["S"].startswith("LEDGER#"):
            document = json.loads(image["document"]["S"])
            document["metadata"]["occurred_at"] = "2020-01-01T00:00:00.000Z"
            client("dynamodb").put_item(TableName="routes", Item={**image, "document": {"S": json.dumps(document)}})


Step = tuple[str, str, dict[str, Any]]
GROWN: Step = ("on_capacity_changed", "CapacityChanged", capacity_changed())
READY: Step = ("on_route_health_observed", "RouteHealthObserved", health("ready"))
REACTIONS: dict[str, tuple[list[Step], Step]] = {
    "on_model_requested": ([], ("on_model_requested", "ModelRequested", model_requested(provider_model()))),
    "on_capacity_changed first": ([], GROWN),
    "on_capacity_changed later": ([GROWN, READY], ("on_capacity_changed", "CapacityChanged", capacity_changed(1, ("task-2", "running")))),
    "on_route_health_observed ready": ([GROWN], READY),
    "on_route_health_observed failed": ([GROWN], ("on_route_health_observed", "RouteHealthObserved", health("failed"))),
    "on_model_deletion_requested": ([GROWN, READY], ("on_model_deletion_requested", "ModelDeletionRequested", ended(2, hosting="hosted"))),
    "on_model_deletion_requested no route": ([], ("on_model_deletion_requested", "ModelDeletionRequested", ended(1, hosting="hosted"))),
    "on_model_updated": ([GROWN, READY], ("on_model_updated", "ModelUpdated", model_updated(hosted_model()))),
    "on_model_updated provider": (
        [
            ("on_model_requested", "ModelRequested", model_requested(provider_model())),
            ("on_route_health_observed", "RouteHealthObserved", health("ready", target_id="provider")),
        ],
        ("on_model_updated", "ModelUpdated", model_updated(provider_model_of("gpt-6"))),
    ),
    "on_model_stop_requested": ([GROWN, READY], ("on_model_stop_requested", "ModelStopRequested", stop_requested())),
    "on_model_stop_requested no route": ([], ("on_model_stop_requested", "ModelStopRequested", stop_requested(asleep=True))),
    "on_model_failed": ([GROWN], ("on_model_failed", "ModelFailed", ended(**FAILED))),
    "on_model_deleted": ([GROWN], ("on_model_deleted", "ModelDeleted", ended())),
}


@pytest.mark.parametrize("name", REACTIONS)
def test_survives_a_crash_at_every_call(name: str) -> None:
    """Wherever a reaction dies, the event delivered again leads to the table that an undisturbed run leaves."""
    before, step = REACTIONS[name]

    def arrange() -> AbstractContextManager[React]:
        return routing_world()

    def act(react: React) -> None:
        for number, (function, event_type, data) in enumerate(before, start=1):
            react(function, event_type, data, number)
        react(*step, len(before) + 1)

    def observe(_: React) -> Any:
        return settled("routes")

    assert sweep(arrange, act, observe) >= 8


@pytest.mark.parametrize("function", ["announce_route_changes", "sweep_routes"])
def test_telling_the_bus_survives_a_crash_at_every_call(function: str) -> None:
    """Wherever it dies, in the end no marker is left; publishing twice is allowed, forgetting is not."""

    def act(react: React) -> None:
        react(*GROWN, 1)
        _make_old()
        recorded = [image for image in images("routes") if image["sk"]["S"].startswith("LEDGER#")]
        import_module(f"functions.routing.{function}.handler").handler(stream_event(recorded), Context())

    assert sweep(routing_world, act, lambda _: settled("routes")) >= 4
