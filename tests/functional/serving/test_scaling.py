"""The number of copies follows what routers tell, and ECS follows the number; what is lost on the way is repaired by the sweep."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.serving import CapacityChanged, ScalingDecision
from kit.aws import client
from kit.clock import ManualClock, iso
from serving.domain.change import Cause
from serving.domain.scaling import Load
from serving.usecases.counting import Counting
from serving.wiring import adapters, parts
from tests.fabric import world
from tests.fabric.crash import watching
from tests.fabric.wire import queue_event
from tests.fakes.serving import OvertakenStore, RecordingEngines
from tests.functional.serving import load, samples
from tests.functional.serving.load import earlier, hear, in_service, observed, traffic
from tests.functional.serving.world import TABLE, Serving

WRITES = {"TransactWriteItems", "PutItem", "DeleteItem", "UpdateItem", "PutEvents", "UpdateService", "DeleteService", "StartExecution"}


def _sweep(serving: Serving) -> dict[str, Any]:
    load.count(running=1)
    done: dict[str, Any] = serving.run("sweep_models", {})
    return {name: number for name, number in done.items() if number}


def test_one_word_of_a_router_is_enough_to_decide(serving: Serving) -> None:
    """Written with its sentence, told on the bus, set in ECS: all within the one event, and in the router's name's cause."""
    service = in_service(serving)
    hear(serving, "LoadObserved", observed(30), event_id="01KAHV5X3V8Q4T1N6F2R7C1111")
    assert (serving.model()["scaled_to"], load.desired(service)) == (4, 4)
    fact = world.ledger(TABLE)[-1]
    assert (fact["event_type"], fact["metadata"]["actor"]) == ("CapacityChanged", "autoscaler")
    assert fact["metadata"]["causation_id"] == "01KAHV5X3V8Q4T1N6F2R7C1111"
    reason = "in_flight_per_task is 30, above its target of 8"
    told = {"before": 1, "after": 4, "metric": "in_flight_per_task", "observed": 30.0, "target": 8.0, "reason": reason}
    assert (fact["data"]["decision"], fact["data"]["desired"], fact["data"]["reason"]) == (told, 4, reason)
    assert CapacityChanged.receive(fact["data"]).decision == ScalingDecision.model_validate(told)


def test_words_of_all_routers_are_added_up_and_stale_ones_left_out(serving: Serving) -> None:
    """Five and five are more than one copy's worth; five of them an hour ago are nothing."""
    in_service(serving)
    hear(serving, "LoadObserved", observed(5, router="router-0"))
    assert serving.model()["scaled_to"] is None
    hear(serving, "LoadObserved", observed(5, router="router-1"))
    assert serving.model()["scaled_to"] == 2
    assert [one["router_id"] for one in traffic()["loads"]] == ["router-0", "router-1"]
    earlier(1900)
    hear(serving, "LoadObserved", observed(5, router="router-1"))
    assert serving.model()["scaled_to"] == 1


def test_an_older_word_never_overwrites_a_newer_one(serving: Serving) -> None:
    """Nor does the same one twice: nothing is written, nothing decided; the latest time of a request is kept."""
    service = in_service(serving)
    newer, older = observed(3, seconds=-1, last_request_at=load.moment(-1)), observed(60, seconds=-5, last_request_at=load.moment(-5))
    hear(serving, "LoadObserved", newer)
    before = traffic()
    with watching() as watch:
        hear(serving, "LoadObserved", older)
        hear(serving, "LoadObserved", newer)
    assert {call.operation for call in watch.calls} & (WRITES - {"UpdateService"}) == set()
    assert (traffic(), serving.model()["scaled_to"], load.desired(service)) == (before, None, 1)


def test_a_clock_ahead_of_ours_does_not_speak_for_the_future(serving: Serving) -> None:
    """Otherwise that router's later words would count as older for as long as its clock is ahead."""
    in_service(serving)
    hear(serving, "LoadObserved", observed(3, seconds=3600, last_request_at=load.moment(3600)))
    assert traffic()["loads"][0]["observed_at"] <= load.moment()
    assert traffic()["last_request_at"] <= load.moment()


def test_a_moment_that_is_none_is_refused_once(serving: Serving) -> None:
    """It would be none however often it came: said in the log, and gone."""
    in_service(serving)
    hear(serving, "LoadObserved", observed(60) | {"observed_at": "yesterday"})
    assert (f"MODEL#{samples.MODEL_ID}", "LOAD") not in world.rows(TABLE)


@pytest.mark.parametrize("status", ["Creating", "Starting", "Stopping", "Stopped", "Deleting", "Failed"])
def test_the_load_decides_only_over_a_model_in_service(serving: Serving, status: str) -> None:
    """And is not even kept."""
    service = in_service(serving)
    load.model(status=status)
    hear(serving, "LoadObserved", observed(60))
    assert (serving.model()["scaled_to"], load.desired(service)) == (None, 1)
    assert (f"MODEL#{samples.MODEL_ID}", "LOAD") not in world.rows(TABLE)


def test_while_a_model_updates_its_load_is_kept_and_decides_nothing(serving: Serving) -> None:
    """When the update is over, the next word finds what the routers have told."""
    service = in_service(serving)
    load.model(status="Updating")
    hear(serving, "LoadObserved", observed(60))
    assert (serving.model()["scaled_to"], load.desired(service), traffic()["loads"][0]["in_flight"]) == (None, 1, 60)


def test_nothing_is_kept_of_models_without_copies_of_ours(serving: Serving) -> None:
    """A third party's, one that is gone, one that never was."""
    serving.create(samples.provider(samples.MODEL_ID))
    serving.pump()
    serving.hear("RouteChanged", samples.route("open", 1))
    with watching() as watch:
        hear(serving, "LoadObserved", observed(60))
        hear(serving, "LoadObserved", observed(60) | {"model_id": "nobody"})
        load.model(deleted=True)
        hear(serving, "LoadObserved", observed(60))
    assert {call.operation for call in watch.calls} & (WRITES - {"PutItem"}) == set()


def test_a_new_wish_begins_a_new_history(serving: Serving) -> None:
    """What was needed under the wish before says nothing of this one: its count is not taken away at the first word."""
    in_service(serving, cooldown_seconds=60)
    hear(serving, "LoadObserved", observed(1, seconds=-1))
    earlier(600)
    load.model(
        generation=2, spec=serving.model()["spec"] | {"capacity": load.CAPACITY | {"desired": 3, "cooldown_seconds": 60, "target": _TARGET}}
    )
    hear(serving, "LoadObserved", observed(1))
    assert (serving.model()["scaled_to"], traffic()["generation"]) == (None, 2)
    assert [wish["copies"] for wish in traffic()["history"]["wishes"]] == [3, 1]


def test_a_death_between_the_decision_and_ecs_is_made_good_by_the_next_delivery(serving: Serving) -> None:
    """The message comes again, nothing is decided twice, and ECS hears."""
    service = in_service(serving)
    event = queue_event([serving.event("LoadObserved", observed(30))])
    serving.run("on_load_observed", event)
    _forget(service)
    facts = len(world.ledger(TABLE))
    serving.run("on_load_observed", event)
    assert (load.desired(service), len(world.ledger(TABLE))) == (4, facts)


def test_the_sweep_sets_a_drifted_count_right_and_then_leaves_it(serving: Serving) -> None:
    """Somebody set another count in ECS, or ours never arrived."""
    service = in_service(serving)
    hear(serving, "LoadObserved", observed(30))
    load.announce()
    _forget(service)
    assert _sweep(serving) == {"recounted": 1}
    assert load.desired(service) == 4
    with watching() as watch:
        assert _sweep(serving) == {}
    assert {call.operation for call in watch.calls} & WRITES == set()


def test_the_sweep_takes_copies_away_where_nobody_speaks_any_more(serving: Serving) -> None:
    """Traffic has ended, and with it the words: after the cooldown the count falls all the same, once, and with a reason."""
    service = in_service(serving, cooldown_seconds=300)
    hear(serving, "LoadObserved", observed(14, seconds=-4))
    hear(serving, "LoadObserved", observed(0, requests=2, seconds=-2))
    load.announce()
    assert (load.desired(service), _sweep(serving)) == (2, {})
    earlier(1900)
    assert _sweep(serving) == {"rescaled": 1}
    assert (serving.model()["scaled_to"], load.desired(service)) == (1, 1)
    assert world.ledger(TABLE)[-1]["data"]["decision"]["reason"] == "in_flight_per_task is 0, below its target of 8 for 300 s"
    load.announce()
    with watching() as watch:
        assert _sweep(serving) == {}
    assert {call.operation for call in watch.calls} & WRITES == set()


def test_two_words_at_a_time_are_both_kept(serving: Serving) -> None:
    """Whoever writes second reads again and decides on both."""
    in_service(serving)
    other = parts.counting(adapters.control())  # the one beside us
    cause = Cause("autoscaler", "x")
    store = OvertakenStore(adapters.store(), lambda: other.hear(samples.MODEL_ID, _load(30, "router-1"), None, cause))
    mine = Counting(store, adapters.traffics(), RecordingEngines(), ManualClock(datetime.now(UTC)))
    assert mine.hear(samples.MODEL_ID, _load(40, "router-0"), None, cause) == "noted"
    assert {one["router_id"] for one in traffic()["loads"]} == {"router-0", "router-1"}
    assert serving.model()["scaled_to"] == 4


def test_a_count_that_was_overtaken_is_set_again(serving: Serving) -> None:
    """Another decision was written while ours was on its way to ECS: what stands there in the end is the newer one."""
    service = in_service(serving)
    engines = _Late(lambda: load.model(scaled_to=5))
    counting = Counting(adapters.store(), adapters.traffics(), engines, ManualClock(datetime.now(UTC)))
    assert counting.hear(samples.MODEL_ID, _load(30, "router-0"), None, Cause("autoscaler", "x")) == "rescaled"
    assert engines.told == [(service, 4), (service, 5)]


def test_a_service_that_was_told_to_end_is_not_brought_back(serving: Serving) -> None:
    """Its model was stopped while our count was on its way to ECS."""
    service = in_service(serving)
    retiring = [one | {"retiring": True} for one in serving.model()["deployments"]]
    engines = _Late(lambda: load.model(status="Stopping", deployments=retiring))
    counting = Counting(adapters.store(), adapters.traffics(), engines, ManualClock(datetime.now(UTC)))
    counting.hear(samples.MODEL_ID, _load(30, "router-0"), None, Cause("autoscaler", "x"))
    assert engines.told == [(service, 4), (service, 0)]


class _Late(RecordingEngines):
    """ECS, in which something happens to the model while the first count is being set."""

    def __init__(self, meanwhile: Callable[[], Any]) -> None:
        super().__init__()
        self._meanwhile: Callable[[], Any] | None = meanwhile
        self.told: list[tuple[str, int]] = []

    def scale(self, service: str, desired: int) -> None:
        """See `ports.Engines`."""
        self.told.append((service, desired))
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile:
            meanwhile()

    def stop(self, service: str) -> None:
        """See `ports.Engines`."""
        self.scale(service, 0)


_TARGET = {"metric": "in_flight_per_task", "value": 8}


def _load(in_flight: int, router: str) -> Load:
    seen = iso(datetime.now(UTC) - timedelta(seconds=1))
    return Load(router, seen, window_seconds=2.0, in_flight=in_flight, queued=0, requests=in_flight, ready_targets=1)


def _forget(service: str) -> None:
    """Let ECS have never heard of the decision."""
    client("ecs").update_service(cluster="cluster", service=service, desiredCount=1)
