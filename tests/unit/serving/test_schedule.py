"""Schedules: windows by the wall clock of a place, through every change of that clock."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from contracts.model import Schedule
from serving.domain import schedule as schedules
from serving.domain.schedule import START, STOP, Boundary, complaints, in_window, last_boundary, local, next_boundary, wanted

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "Africa/Casablanca")
# Moments at which clocks were or will be changed, among them the day that Samoa left out; and one at which nothing happens.
_CHANGES = (
    "2026-03-29T01:00", "2026-10-25T01:00", "2026-03-08T07:00", "2026-11-01T06:00",
    "2026-04-04T15:00", "2026-10-03T15:30", "2011-12-30T10:00", "2026-02-15T02:00", "2026-07-01T12:00",
)  # fmt: skip


def a_schedule(*windows: tuple[str, str, str], zone: str = "Europe/Berlin", lead: int = 0) -> dict[str, Any]:
    """A schedule of windows given as ("mon tue", "08:00", "18:00"), as the contract leaves it."""
    given = [{"days": days.split(), "opens": opens, "closes": closes} for days, opens, closes in windows]
    return Schedule.model_validate({"time_zone": zone, "windows": given, "lead_minutes": lead}).document()


def utc(text: str) -> datetime:
    """`2026-03-29T01:00` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


_clock_times = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02d}:{quarter % 4 * 15:02d}")
_windows = st.tuples(
    st.sets(st.sampled_from(_DAYS), min_size=1).map(lambda days: " ".join(sorted(days))), _clock_times, _clock_times
).filter(lambda window: window[1] != window[2])
_schedules = st.builds(
    lambda windows, zone, lead: a_schedule(*windows, zone=zone, lead=lead),
    st.lists(_windows, min_size=1, max_size=4), st.sampled_from(_ZONES), st.sampled_from([0, 0, 10, 30, 120]),
)  # fmt: skip
_moments = st.builds(
    lambda change, minutes: utc(change) + timedelta(minutes=minutes), st.sampled_from(_CHANGES), st.integers(-3 * 24 * 60, 3 * 24 * 60)
)


def _shown(schedule: dict[str, Any], moment: datetime) -> bool:
    """Whether the clock of the zone shows a time within a window, told by the face of the clock alone."""
    wall = moment.astimezone(ZoneInfo(schedule["time_zone"]))
    time = f"{wall:%H:%M}"
    for window in schedule["windows"]:
        today, yesterday = _DAYS[wall.weekday()] in window["days"], _DAYS[wall.weekday() - 1] in window["days"]
        overnight = window["closes"] <= window["opens"]
        if today and window["opens"] <= time and (overnight or time < window["closes"]):
            return True
        if overnight and yesterday and time < window["closes"]:
            return True
    return False


def _comes_twice(schedule: dict[str, Any], moment: datetime) -> bool:
    wall = moment.astimezone(ZoneInfo(schedule["time_zone"]))
    return wall.replace(fold=0).utcoffset() != wall.replace(fold=1).utcoffset()


def _left_out(schedule: dict[str, Any], moment: datetime) -> bool:
    """Whether the day before this moment's is missing from the calendar, so that a window cannot have begun on it by the calendar."""
    wall = moment.astimezone(ZoneInfo(schedule["time_zone"]))
    return wall.date() == date(2011, 12, 31) and schedule["time_zone"] == "Pacific/Apia"


@given(_schedules, _moments)
def test_whenever_the_clock_shows_a_time_within_a_window_the_model_is_in_service(schedule: dict[str, Any], moment: datetime) -> None:
    """The one rule, in every zone, around every change; more than that only while an hour comes twice."""
    assume(not _left_out(schedule, moment))
    if _shown(schedule, moment):
        assert in_window(schedule, moment)
    elif not _comes_twice(schedule, moment):
        assert not in_window(schedule, moment)


@given(_schedules, _moments)
def test_between_two_boundaries_nothing_changes(schedule: dict[str, Any], moment: datetime) -> None:
    """What is wanted changes at a boundary, as the boundary says, and never elsewhere."""
    coming, past = next_boundary(schedule, moment), last_boundary(schedule, moment)
    assume(coming is not None and past is not None)
    assert coming is not None
    assert past is not None
    assert past.at <= moment < coming.at
    assert {past.action, coming.action} == {START, STOP}
    for each in (past.at, moment, coming.at - timedelta(seconds=1)):
        assert wanted(schedule, each) is (past.action == START)
    assert wanted(schedule, coming.at) is (coming.action == START)
    assert wanted(schedule, past.at - timedelta(seconds=1)) is not wanted(schedule, past.at)
    assert (last_boundary(schedule, coming.at), next_boundary(schedule, past.at)) == (coming, coming)


@given(_schedules, _moments)
def test_only_what_never_pauses_has_no_boundary(schedule: dict[str, Any], moment: datetime) -> None:
    """A schedule that is accepted always has a next action."""
    if not list(complaints(schedule)):
        assert next_boundary(schedule, moment)
        assert last_boundary(schedule, moment)


@given(_schedules, _moments)
def test_the_lead_comes_before_the_window_and_nowhere_else(schedule: dict[str, Any], moment: datetime) -> None:
    """Wanted is: open now, or open within the lead."""
    lead = timedelta(minutes=schedule["lead_minutes"])
    soon = next_boundary(schedule | {"lead_minutes": 0}, moment)
    opens_soon = soon is not None and soon.action == START and soon.at - lead <= moment
    assert wanted(schedule, moment) is (in_window(schedule, moment) or opens_soon)


@pytest.mark.parametrize(
    ("zone", "window", "day", "opens", "closes"),
    [
        ("Europe/Berlin", ("08:00", "18:00"), "2026-03-28", "2026-03-28T07:00", "2026-03-28T17:00"),
        ("Europe/Berlin", ("08:00", "18:00"), "2026-03-29", "2026-03-29T06:00", "2026-03-29T16:00"),
        ("Europe/Berlin", ("22:00", "06:00"), "2026-03-28", "2026-03-28T21:00", "2026-03-29T04:00"),  # seven hours by the clock's jump
        ("Europe/Berlin", ("22:00", "06:00"), "2026-10-24", "2026-10-24T20:00", "2026-10-25T05:00"),  # nine
        ("Europe/Berlin", ("02:30", "04:00"), "2026-03-29", "2026-03-29T01:00", "2026-03-29T02:00"),  # opens at the jump
        ("Europe/Berlin", ("01:00", "02:30"), "2026-03-29", "2026-03-29T00:00", "2026-03-29T01:00"),  # closes at the jump
        ("Europe/Berlin", ("02:15", "02:45"), "2026-10-25", "2026-10-25T00:15", "2026-10-25T01:45"),  # from the first to the second
        ("America/New_York", ("01:30", "03:00"), "2026-11-01", "2026-11-01T05:30", "2026-11-01T08:00"),
        ("Australia/Lord_Howe", ("02:10", "09:00"), "2026-10-04", "2026-10-03T15:30", "2026-10-03T22:00"),  # half an hour is skipped
        ("Australia/Lord_Howe", ("01:45", "09:00"), "2026-04-05", "2026-04-04T14:45", "2026-04-04T22:30"),
        ("Asia/Kathmandu", ("09:00", "17:30"), "2026-01-05", "2026-01-05T03:15", "2026-01-05T11:45"),
        ("Pacific/Apia", ("09:00", "17:00"), "2011-12-29", "2011-12-29T19:00", "2011-12-30T03:00"),
    ],
)
def test_a_window_of_a_day_begins_and_ends_where_the_rule_says(
    zone: str, window: tuple[str, str], day: str, opens: str, closes: str
) -> None:
    """Known nights, worked out by hand."""
    schedule = a_schedule((_DAYS[date.fromisoformat(day).weekday()], *window), zone=zone)
    before = utc(opens) - timedelta(seconds=1)
    assert next_boundary(schedule, before) == Boundary(START, utc(opens))
    assert next_boundary(schedule, utc(opens)) == Boundary(STOP, utc(closes))


def test_a_window_that_the_clock_skips_altogether_does_not_open_that_day() -> None:
    """Nor does one on a day that the calendar leaves out."""
    gap = a_schedule(("sun", "02:10", "02:50"))
    assert next_boundary(gap, utc("2026-03-28T12:00")) == Boundary(START, utc("2026-04-05T00:10"))
    friday = a_schedule(("fri", "09:00", "17:00"), zone="Pacific/Apia")
    assert next_boundary(friday, utc("2011-12-29T00:00")) == Boundary(START, datetime(2012, 1, 5, 19, tzinfo=UTC))


def test_an_overnight_window_belongs_to_the_day_on_which_it_opens() -> None:
    """Friday's night ends on Saturday; Thursday's does not exist."""
    schedule = a_schedule(("fri", "22:00", "06:00"), zone="UTC")
    assert in_window(schedule, utc("2026-07-03T23:30"))  # a Friday
    assert in_window(schedule, utc("2026-07-04T05:59"))
    assert not in_window(schedule, utc("2026-07-04T06:00"))
    assert not in_window(schedule, utc("2026-07-03T05:59"))


def test_windows_that_overlap_or_touch_are_one() -> None:
    """No boundary lies within their union."""
    schedule = a_schedule(
        ("mon", "08:00", "12:00"), ("mon", "11:00", "14:00"), ("mon", "14:00", "00:00"), ("tue", "00:00", "01:00"), zone="UTC"
    )
    assert next_boundary(schedule, utc("2026-07-06T08:00")) == Boundary(STOP, utc("2026-07-07T01:00"))


def test_a_start_begins_ahead_of_its_window_and_a_pause_no_longer_than_the_lead_is_none() -> None:
    """The window itself is as it was."""
    schedule = a_schedule(("mon", "08:00", "12:00"), ("mon", "12:30", "18:00"), zone="UTC", lead=30)
    assert next_boundary(schedule, utc("2026-07-06T00:00")) == Boundary(START, utc("2026-07-06T07:30"))
    assert next_boundary(schedule, utc("2026-07-06T07:30")) == Boundary(STOP, utc("2026-07-06T18:00"))
    assert not in_window(schedule, utc("2026-07-06T07:45"))
    assert wanted(schedule, utc("2026-07-06T07:45"))


def test_a_boundary_is_found_however_long_the_windows_hang_together() -> None:
    """One that pauses once a week, and whose pause the clock skips in one of them."""
    rest = ("mon tue wed thu fri sat", "00:00", "12:00"), ("mon tue wed thu fri sat sun", "12:00", "00:00")
    schedule = a_schedule(*rest, ("sun", "00:00", "02:00"), ("sun", "03:00", "12:00"))
    assert list(complaints(schedule)) == []
    assert next_boundary(schedule, utc("2026-03-23T12:00")) == Boundary(STOP, utc("2026-04-05T00:00"))
    assert last_boundary(schedule, utc("2026-04-04T12:00")) == Boundary(START, utc("2026-03-22T02:00"))


def test_a_moment_is_told_by_the_clock_of_the_place() -> None:
    """With its distance from UTC, which says which of two equal times is meant."""
    assert local(a_schedule(("mon", "08:00", "18:00")), utc("2026-10-25T01:15")) == "2026-10-25T02:15:00+01:00"


@pytest.mark.parametrize(
    ("windows", "more", "refused"),
    [
        ([("mon", "08:00", "18:00")], {}, []),
        ([("mon", "08:00", "08:00")], {}, [("schedule.windows[0].closes", "zero-length")]),
        ([("mon", "08:00", "18:00"), ("tue", "08:00", "08:10")], {}, [("schedule.windows[1].closes", "too-short")]),
        ([("mon", "08:00", "08:15")], {}, []),
        ([("mon", "08:00", "08:30")], {"lead": 60}, [("schedule.windows[0].closes", "too-short")]),
        ([("mon", "08:00", "18:00")], {"zone": "Europe/Atlantis"}, [("schedule.time_zone", "unknown-time-zone")]),
        ([("mon", "08:00", "18:00")], {"zone": "Europe"}, [("schedule.time_zone", "unknown-time-zone")]),
        ([("mon", "08:00", "18:00")], {"zone": "/etc/passwd"}, [("schedule.time_zone", "unknown-time-zone")]),
        ([("mon", "08:00", "18:00")], {"zone": "right/UTC"}, [("schedule.time_zone", "unknown-time-zone")]),
        ([(" ".join(_DAYS), "00:00", "12:00"), (" ".join(_DAYS), "12:00", "00:00")], {}, [("schedule.windows", "always-open")]),
        ([(" ".join(_DAYS), "02:00", "01:00")], {"lead": 60}, [("schedule.windows", "always-open")]),
        ([("mon", "08:00", "12:00"), ("mon", "12:05", "18:00")], {}, [("schedule.windows", "pause-too-short")]),
        ([("mon", "08:00", "12:00"), ("mon", "13:00", "18:00")], {"lead": 50}, [("schedule.windows", "pause-too-short")]),
        ([("sun", "22:00", "23:50"), ("mon", "00:00", "06:00")], {}, [("schedule.windows", "pause-too-short")]),
    ],
)
def test_what_cannot_be_meant_is_refused(windows: list[tuple[str, str, str]], more: dict[str, Any], refused: list[tuple[str, str]]) -> None:
    """With the field and a code."""
    found = list(complaints(a_schedule(*windows, **more)))
    assert [(path, code) for path, code, _ in found] == refused
    assert all(sentence for _, _, sentence in found)


@given(st.text(alphabet="ABCabc_+-/0123456789", min_size=1, max_size=64))
@example("localtime")
@example("posix/Europe/Berlin")
def test_no_name_of_a_zone_breaks_the_check(name: str) -> None:
    """It is a zone or it is not."""
    found = [code for _, code, _ in complaints(a_schedule(("mon", "08:00", "18:00")) | {"time_zone": name})]
    assert found in ([], ["unknown-time-zone"])


def test_the_zones_do_not_depend_on_the_machine() -> None:
    """Lambda's runtimes need not bring the database: the package with it travels with the functions."""
    try:
        zoneinfo.reset_tzpath(to=())
        for name in _ZONES:
            assert zoneinfo.ZoneInfo.no_cache(name).utcoffset(datetime(2026, 7, 1)) is not None  # noqa: DTZ001 - a wall clock's time
    finally:
        zoneinfo.reset_tzpath()


def test_a_schedule_that_is_switched_off_does_not_act() -> None:
    """Nor does one that is not there."""
    schedule = a_schedule(("mon", "08:00", "18:00"))
    assert schedules.active(schedule)
    assert not schedules.active(schedule | {"enabled": False})
    assert not schedules.active(None)
