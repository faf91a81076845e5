"""One readable line an event."""

from typing import Any

from local.follow import CONSEQUENCES, Said, render
from tests.unit.local import events


def line(kind: str, data: dict[str, Any], causes: dict[str, str] | None = None) -> str:
    """The line of an event."""
    return render(Said.parse(events.envelope(kind, data)), causes or {}).plain


def test_a_line_says_time_type_model_and_consequence() -> None:
    """The time is of the event, not of its reading."""
    text = line("ModelRequested", {"model_id": "smollm2"})
    assert "ModelRequested" in text
    assert "smollm2" in text
    assert CONSEQUENCES["ModelRequested"] in text


def test_a_line_names_its_cause_when_that_was_seen() -> None:
    """Causes are known by event id."""
    assert "(from ModelRequested)" in line("ModelInService", {"model_id": "m"}, {"01CAUSE": "ModelRequested"})


def test_a_failure_is_told_in_full() -> None:
    """Code and sentence are what a person acts on."""
    assert "artifact-missing: No manifest." in line(
        "ModelFailed", {"model_id": "m", "failure": {"code": "artifact-missing", "message": "No manifest."}}
    )


def test_a_dropped_route_is_gone() -> None:
    """A null route is a fact too."""
    assert "route gone" in line("RouteChanged", {"model_id": "m", "route": None})
