"""What the router tells operators: requests, failures and times as one line a minute, and silence at rest."""

import io
import json
from typing import Any

from router.log import Log
from router.pulse import UNITS, Pulse


class World:
    """A pulse and what it wrote."""

    def __init__(self) -> None:
        self.out = io.BytesIO()
        self.pulse = Pulse(Log(self.out, service="router"), "test", clock=lambda: 1000.5)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.getvalue().splitlines()]


def test_a_router_at_rest_tells_nothing() -> None:
    """A metric costs by the hour in which it is told."""
    world = World()
    world.pulse.tell()
    assert world.lines() == []


def test_a_line_is_a_metric_line() -> None:
    """The embedded metric format: every name in the directive stands at the root, dimensions are text, the time is in milliseconds."""
    world = World()
    world.pulse.saw(1.5, first_token_seconds=0.25, failed=False)
    world.pulse.saw(0.5, first_token_seconds=None, failed=True)
    world.pulse.tell()
    (line,) = world.lines()
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert line["_aws"]["Timestamp"] == 1_000_500
    assert directive["Namespace"] == "Slipway"
    assert {name: line[name] for name in directive["Dimensions"][0]} == {"environment": "test", "service": "router"}
    told = UNITS.keys() - {"TableRefusals", "UsageRecordsLost", "UsageNotSent", "LeasesNotHad"}
    assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]} == {name: UNITS[name] for name in told}
    assert {name: line[name] for name in told} == {
        "Requests": 2,
        "RequestsFailed": 1,
        "RequestSeconds": [1.5, 0.5],
        "FirstTokenSeconds": [0.25],
    }


def test_nothing_is_told_twice_and_no_line_is_too_long() -> None:
    """A hundred values are the most that a line may hold; what comes after begins another."""
    world = World()
    for _ in range(250):
        world.pulse.saw(0.1, first_token_seconds=0.01, failed=False)
    world.pulse.tell()
    world.pulse.tell()
    assert [(line["Requests"], len(line["RequestSeconds"]), len(line["FirstTokenSeconds"])) for line in world.lines()] == [
        (100, 100, 100),
        (100, 100, 100),
        (50, 50, 50),
    ]


def test_a_refused_table_is_told_at_once() -> None:
    """A line of its own, in the same format: an alarm waits for it."""
    world = World()
    world.pulse.refused()
    (line,) = world.lines()
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert (line["TableRefusals"], directive["Metrics"]) == (1, [{"Name": "TableRefusals", "Unit": UNITS["TableRefusals"]}])
