"""The template's rules and the catalogue speak of the same events."""

import json
from typing import Any

import pytest

from contracts.catalogue import EVENTS
from scripts.event_catalogue import AUDIT, announcers, rules
from scripts.event_files import EVENTS_FOLDER, folder_of, major
from scripts.template import load

PUBLIC = frozenset(
    {
        "BudgetThresholdCrossed",
        "LimitsChanged",
        "ModelClaimed",
        "ModelDegraded",
        "ModelRecovered",
        "ModelReleased",
        "ModelVersionPublished",
        "TokenIssued",
        "TokenRevoked",
        "UsageRecorded",
    }
)
"""Events that no function of ours hears. They are for others: dashboards, audits, downstream systems."""

NOT_AUDITED = frozenset({"RouteHealthObserved", "LoadObserved", "ModelWakeRequested", "RouteChanged", "UsageRecorded"})
"""What routers see, by the second, and where requests go in consequence: nobody has done it, and what was done is told by serving."""

PATTERNS = [(pattern, target) for pattern, target in rules(load()["Resources"]) if not pattern.get("source", [""])[0].startswith("aws.")]


def example(name: str) -> dict[str, Any]:
    """The example of the event with this name."""
    event = EVENTS[name]
    content: dict[str, Any] = json.loads((EVENTS_FOLDER / folder_of(event) / f"{major(event)}.example.json").read_text())
    return content


def test_there_are_rules() -> None:
    """The other tests of this page compare something."""
    assert len(PATTERNS) >= 10


@pytest.mark.parametrize(("pattern", "target"), PATTERNS)
def test_rule_names_events_of_the_catalogue(pattern: dict[str, Any], target: str) -> None:
    """A rule that waits for a name nobody sends, or from a source that does not send it, is silent for ever."""
    for name in pattern["detail-type"]:
        assert name in EVENTS, f"{target} waits for {name}"
        assert pattern["source"] == [EVENTS[name].source], f"{target} expects {name} from {pattern['source']}"


@pytest.mark.parametrize(("pattern", "target"), PATTERNS)
def test_rule_filters_fields_that_the_event_has(pattern: dict[str, Any], target: str) -> None:
    """A filter on a field that the event does not have never matches."""
    for name in pattern["detail-type"]:
        _assert_has(example(name)["detail"], pattern.get("detail", {}), f"{target}: {name}.detail")


def test_every_event_is_heard_or_public() -> None:
    """An event without listener is either meant for others, and listed as such, or forgotten."""
    heard = {name for pattern, target in PATTERNS if target != AUDIT for name in pattern["detail-type"]}
    assert set(EVENTS) - heard == PUBLIC


def test_every_fact_is_audited_or_named_as_nobodys_doing() -> None:
    """A new event is audited unless somebody has written here why not."""
    audited = {name for pattern, target in PATTERNS if target == AUDIT for name in pattern["detail-type"]}
    assert set(EVENTS) - audited == NOT_AUDITED


def test_every_context_announces_its_ledger() -> None:
    """Each context that owns events has a function behind its table's stream that announces them; usage tells what routers sent, with the
    ids that follow from it, each time that it is delivered."""
    assert set(announcers()) == {event.source.removeprefix("slipway.") for event in EVENTS.values()} - {"usage"}


def _assert_has(document: dict[str, Any], filters: dict[str, Any], where: str) -> None:
    for name, condition in filters.items():
        assert name in document, f"{where}.{name} does not exist"
        if isinstance(condition, dict):
            _assert_has(document[name], condition, f"{where}.{name}")
