"""AWS: a pattern matches by all that it asks for, whether it names words, parts of words or alternatives."""

import json
from typing import Any

import pytest

from tests.emulator.conformance.cloud import Cloud

EVENT = {"id": "1", "account": "000000000000", "source": "a.b", "time": "2026-01-01T00:00:00Z", "region": "eu-west-1", "resources": [],
         "detail-type": "Happened", "detail": {"n": 1}}  # fmt: skip
THIS, OTHER = ["a.b"], ["c"]


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ({"source": THIS}, True),
        ({"source": OTHER}, False),
        ({"source": OTHER + THIS, "detail-type": ["Gone", "Happened"]}, True),
        ({"source": THIS, "detail-type": ["Gone"]}, False),
        ({"source": [{"prefix": "a."}]}, True),
        ({"source": [*OTHER, {"prefix": "a."}]}, True),
        ({"source": [{"anything-but": THIS}]}, False),
        ({"$or": [{"source": OTHER}, {"detail": {"n": [1]}}]}, True),
        ({"$or": [{"source": OTHER}, {"source": THIS, "detail": {"n": [2]}}]}, False),
        ({"$or": [{"source": OTHER}, {"source": THIS}], "detail-type": ["Happened"]}, True),
        ({"detail": {"n": [1]}}, True),
        ({"source": THIS, "detail": {"n": [{"numeric": [">", 1]}]}}, False),
    ],
    ids=json.dumps,
)
def test_a_pattern_matches_by_all_that_it_asks_for(cloud: Cloud, pattern: dict[str, Any], matches: bool) -> None:
    """By what EventBridge itself offers to try a pattern with; rules read theirs in the same way."""
    answer = cloud.client("events").test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(EVENT))
    assert answer["Result"] is matches
