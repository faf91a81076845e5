"""Each rule by which the bus delivers, as AWS documents it. Names of pages are those of docs.aws.amazon.com."""

import json
from typing import Any

import pytest

from tests.fabric.deliveries import QUEUE, REACTION, World
from tests.fabric.delivery.bus import Bus, Delivery
from tests.fabric.delivery.patterns import matches
from tests.fabric.topology import topology


def _put(bus: Bus, detail_type: str = "RouteChanged", source: str = "slipway.routing", **detail: Any) -> None:
    entry = {"EventBusName": topology().bus, "Source": source, "DetailType": detail_type, "Detail": json.dumps(detail)}
    assert bus.call("PutEvents", {"Entries": [entry]})["FailedEntryCount"] == 0


def _refusing(bus: Bus, times: int) -> Delivery:
    """The one delivery that waits, whose target refuses it so often."""
    (delivery,) = bus.waiting
    assert isinstance(delivery, Delivery)
    delivery.refused = times
    return delivery


def test_every_target_of_every_rule_that_matches_gets_the_event() -> None:
    """eb-rules.html: an event may match many rules, and each sends it on by itself."""
    world, handed = World(), []
    bus = Bus(world.ground(), topology(), lambda target, event, _: handed.append((target.name, event["id"])))
    _put(bus, "ModelRequested", "slipway.serving", data={"hosting": "hosted"})
    world.exhaust(bus.things)
    names = [name for name, _ in handed]
    assert {QUEUE, "RegistryOnModelRequestedFunction", "UsageOnFactAnnouncedFunction", "ServingArmScheduleFunction"} == set(names)
    assert len({identity for _, identity in handed}) == 1


def test_an_event_that_is_put_again_has_another_id() -> None:
    """API_PutEventsResultEntry: the id is the bus's own, new for each entry; a retried PutEvents is another event to everybody."""
    world = World()
    bus = Bus(world.ground(), topology(), lambda *_: None)
    _put(bus)
    _put(bus)
    assert len({event["id"] for event in bus.seen}) == 2


def test_a_target_that_refuses_is_tried_again_and_then_the_dead_letters_have_it() -> None:
    """eb-rule-retry-policy.html and eb-rule-dlq.html: MaximumRetryAttempts with back-off, then the target's own queue."""
    world, handed = World(), []
    bus = Bus(world.ground(), topology(), lambda target, _, __: handed.append(target.name))
    _put(bus)
    delivery = _refusing(bus, 99)
    world.exhaust(bus.things)
    assert handed == []
    assert delivery.attempts == 5
    ((queue, whence, event),) = world.dead
    assert (queue, whence, event["detail-type"]) == ("ServingDeadLetters", REACTION, "RouteChanged")


def test_a_target_that_comes_back_in_time_gets_the_event() -> None:
    """eb-rule-retry-policy.html: retries end with the first success."""
    world, handed = World(), []
    bus = Bus(world.ground(), topology(), lambda target, _, __: handed.append(target.name))
    _put(bus)
    _refusing(bus, 3)
    world.exhaust(bus.things)
    assert handed == [REACTION]
    assert world.clock.seconds > 3


@pytest.mark.parametrize(
    ("pattern", "event", "met"),
    [
        ({"source": ["a"]}, {"source": "a"}, True),
        ({"source": ["a", "b"]}, {"source": "c"}, False),
        ({"source": ["a"]}, {}, False),
        ({"detail": {"group": [{"prefix": "service:slipway-"}]}}, {"detail": {"group": "service:slipway-x"}}, True),
        ({"detail": {"group": [{"prefix": "service:slipway-"}]}}, {"detail": {"group": "family:x"}}, False),
        ({"resources": [{"prefix": "arn:x"}]}, {"resources": ["arn:y", "arn:x/1"]}, True),
        ({"state": [{"anything-but": ["open"]}]}, {"state": "closed"}, True),
        ({"state": [{"anything-but": "open"}]}, {"state": "open"}, False),
        ({"state": [{"anything-but": {"prefix": "op"}}]}, {"state": "open"}, False),
        ({"state": [{"anything-but": ["open"]}]}, {}, False),
        ({"state": [{"exists": False}]}, {}, True),
        ({"a": {"b": [{"exists": False}]}}, {}, True),
        ({"state": [{"exists": True}]}, {"state": None}, True),
        ({"asleep": [True]}, {"asleep": True}, True),
        ({"asleep": [True]}, {"asleep": 1}, False),
        ({"n": [{"numeric": [">", 0, "<=", 5]}]}, {"n": 5}, True),
        ({"n": [{"numeric": [">", 0]}]}, {"n": "5"}, False),
        ({"name": [{"suffix": ".gguf"}, {"equals-ignore-case": "X"}]}, {"name": "x"}, True),
        ({"$or": [{"a": [1]}, {"b": [2]}]}, {"b": 2}, True),
        ({"a": [1], "b": [2]}, {"a": 1, "b": 3}, False),
    ],
)
def test_patterns_match_as_documented(pattern: Any, event: Any, met: bool) -> None:
    """eb-create-pattern-operators.html: each operator, $or, and that all fields must match."""
    assert matches(pattern, event) is met


def test_an_operator_that_nobody_interprets_is_an_error() -> None:
    """A pattern in the template that uses more than is interpreted here must not match by accident."""
    with pytest.raises(ValueError, match="wildcard"):
        matches({"a": [{"wildcard": "x*"}]}, {"a": "xy"})
