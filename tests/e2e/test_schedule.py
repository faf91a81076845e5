"""A model that keeps to windows: the platform's own scheduler stops it when one closes, and what a person does then holds."""

from datetime import UTC, datetime, timedelta

from tests.e2e.platform import Platform, eventually

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ENOUGH = timedelta(seconds=75)


def test_a_window_closes_and_the_model_stops(platform: Platform) -> None:
    """Stopped by the schedule at the minute that it names; a manual start holds until the next boundary; removed, it acts no more."""
    assert platform.settled(platform.call("POST", "/models", platform.parrot("punctual")))["status"] == "Succeeded"
    closes = (datetime.now(UTC) + ENOUGH).replace(second=0, microsecond=0)
    opens = closes - timedelta(hours=4)
    window = {"days": DAYS, "opens": f"{opens:%H:%M}", "closes": f"{closes:%H:%M}"}
    schedule = {"time_zone": "UTC", "windows": [window]}
    assert platform.settled(platform.call("PUT", "/models/punctual/schedule", schedule))["status"] == "Succeeded"
    state = platform.call("GET", "/models/punctual/schedule").json
    assert state["in_window"] is True
    assert state["next_action"]["action"] == "stop"
    assert datetime.fromisoformat(state["next_action"]["at"]) == closes
    assert platform.call("GET", "/models/punctual").json["next_action"] == state["next_action"]

    eventually(lambda: platform.call("GET", "/models/punctual").json["status"] == "Stopped", "the schedule stops it", 200)
    assert datetime.now(UTC) >= closes
    platform.assert_nothing_left("punctual")
    stopped = [
        e for e in platform.call("GET", "/models/punctual/events?limit=200").json["items"] if e["event_type"] == "ModelStopRequested"
    ]
    assert [entry["actor"] for entry in stopped] == ["schedule"]
    assert platform.call("GET", "/models/punctual/schedule").json["next_action"]["action"] == "start"

    assert platform.settled(platform.call("POST", "/models/punctual/start"))["status"] == "Succeeded"
    assert platform.call("GET", "/models/punctual/schedule").json["overridden_until"] is not None
    assert platform.settled(platform.call("DELETE", "/models/punctual/schedule"))["status"] == "Succeeded"
    assert platform.call("GET", "/models/punctual").json["next_action"] is None
    assert platform.settled(platform.call("DELETE", "/models/punctual"))["status"] == "Succeeded"
    platform.assert_nothing_left("punctual")
