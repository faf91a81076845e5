"""Schedules: when a model shall be in service, by the wall clock of a place.

One rule turns times of day into moments: *whenever the clock of the zone shows a time within a window, the model is in service.* Hence

- a time that the clock skips stands for the moment of the jump; a window that lies in the gap altogether does not open that day;
- of a time that comes twice, the first opens a window and the second closes it: an hour that comes twice is served twice.

A window that closes before it opens ends on the next day. Windows that overlap or touch are one window. A start begins `lead_minutes`
before a window opens; where the pause before it is no longer than that, there is none. A schedule acts at its boundaries only.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

START, STOP = "start", "stop"
SHORTEST_MINUTES = 15  # of a window and of a pause: below it, starting and draining take as long as what they are for
Schedule = Mapping[str, Any]
"""`time_zone`, `windows` [{`days`, `opens`, `closes`}], `lead_minutes`, `enabled`, as the contract `Schedule` validates them."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES = 24 * 60
_WEEK_MINUTES = 7 * _DAY_MINUTES
_HORIZONS = (9, 23)  # days; a jump may swallow a week's only boundary, never that of three weeks
_NO_ZONES = ("posix/", "right/", "localtime", "posixrules", "Factory")  # beside the zones in many a system's folder
_Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Boundary:
    """A moment at which a schedule acts: `action` is `start` or `stop`, `at` is in UTC."""

    action: str
    at: datetime


def complaints(schedule: Schedule) -> Iterator[tuple[str, str, str]]:
    """Path, code and sentence of each thing that does not fit, beyond what the contract checks."""
    if _zone(str(schedule["time_zone"])) is None:
        yield "schedule.time_zone", "unknown-time-zone", f"{schedule['time_zone']} is no time zone of the IANA database"
    shortest = max(SHORTEST_MINUTES, int(schedule["lead_minutes"]))
    sound = True
    for place, window in enumerate(schedule["windows"]):
        length = _length(window)
        if length == 0:
            hint = "a whole day is 00:00 to 12:00 and 12:00 to 00:00"
            yield f"schedule.windows[{place}].closes", "zero-length", f"closes when it opens, so that it is never open; {hint}"
        elif length < shortest:
            sentence = f"is open for {length} minutes, less than {shortest} (and than lead_minutes)"
            yield f"schedule.windows[{place}].closes", "too-short", sentence
        sound = sound and length >= shortest
    if sound:
        yield from _pauses(schedule)


def active(schedule: Schedule | None) -> bool:
    """Whether there is a schedule that acts."""
    return bool(schedule.get("enabled", True)) if schedule else False


def in_window(schedule: Schedule, moment: datetime) -> bool:
    """Whether a window is open at `moment` (aware)."""
    return any(start <= moment < end for start, end in _spans(schedule, moment, -2, 1, lead=False))


def wanted(schedule: Schedule, moment: datetime) -> bool:
    """Whether the schedule wants the model to be in service, or on its way there, at `moment` (aware)."""
    return any(start <= moment < end for start, end in _spans(schedule, moment, -2, 2, lead=True))


def next_boundary(schedule: Schedule, moment: datetime) -> Boundary | None:
    """The first boundary after `moment`; None if none comes within three weeks."""
    for horizon in _HORIZONS:
        edge = moment + timedelta(days=horizon - 2)  # what lies beyond may be an end of the days that were looked at
        found = [each for each in _boundaries(schedule, moment, -2, horizon) if moment < each.at < edge]
        if found:
            return found[0]
    return None


def last_boundary(schedule: Schedule, moment: datetime) -> Boundary | None:
    """The last boundary at or before `moment`; None if none was within three weeks."""
    for horizon in _HORIZONS:
        edge = moment - timedelta(days=horizon - 2)
        found = [each for each in _boundaries(schedule, moment, -horizon, 2) if edge < each.at <= moment]
        if found:
            return found[-1]
    return None


def local(schedule: Schedule, moment: datetime) -> str:
    """The moment as the clock of the schedule's zone shows it, with its distance from UTC: `2026-03-29T08:00:00+02:00`."""
    return moment.astimezone(_known_zone(schedule)).isoformat(timespec="seconds")


def _boundaries(schedule: Schedule, around: datetime, first: int, last: int) -> list[Boundary]:
    spans = _spans(schedule, around, first, last, lead=True)
    return [boundary for start, end in spans for boundary in (Boundary(START, start), Boundary(STOP, end))]


def _spans(schedule: Schedule, around: datetime, first: int, last: int, *, lead: bool) -> list[_Span]:
    """Merged spans, in order, of the windows that open on the local days from `first` to `last`, counted from the day of `around`."""
    zone = _known_zone(schedule)
    today = around.astimezone(zone).date()
    early = timedelta(minutes=int(schedule["lead_minutes"]) if lead else 0)
    found: list[_Span] = []
    for window in schedule["windows"]:
        for number in range(first, last + 1):
            day = today + timedelta(days=number)
            if _DAYS[day.weekday()] in window["days"]:
                start, end = _opened(zone, window, day)
                if start < end:
                    found.append((start - early, end))
    return _merged(found)


def _opened(zone: "ZoneInfo", window: Mapping[str, Any], day: date) -> _Span:
    opens, closes = _time(window["opens"]), _time(window["closes"])
    last = day if opens < closes else day + timedelta(days=1)
    return _moment(zone, datetime.combine(day, opens))[0], _moment(zone, datetime.combine(last, closes))[1]


def _merged(spans: list[_Span]) -> list[_Span]:
    merged: list[_Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


@lru_cache(maxsize=4096)
def _moment(zone: "ZoneInfo", wall: datetime) -> _Span:
    """The first and the last moment (in UTC) at which the zone's clock shows `wall`; twice the moment of the jump if it never does."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if second >= first:
        return first, second
    # Skipped: read by the offset before the jump it lies behind it, read by the one after the jump it lies before.
    after = first.astimezone(zone).utcoffset()
    low, high = int(second.timestamp()), int(first.timestamp())
    passed = bisect_left(range(low, high), 1, key=lambda s: int(datetime.fromtimestamp(s, zone).utcoffset() == after))
    jump = datetime.fromtimestamp(low + passed, UTC)
    return jump, jump


def _pauses(schedule: Schedule) -> Iterator[tuple[str, str, str]]:
    """Of a week without clock changes: that there is a pause at all, and that none is too short to stop in."""
    lead, week = int(schedule["lead_minutes"]), bytearray(_WEEK_MINUTES)
    for window in schedule["windows"]:
        for day in window["days"]:
            opens = _DAYS.index(day) * _DAY_MINUTES + _minutes(window["opens"])
            for minute in range(opens - lead, opens + _length(window)):
                week[minute % _WEEK_MINUTES] = 1
    if all(week):
        yield (
            "schedule.windows",
            "always-open",
            "the windows (and the lead before them) leave no pause; a model without a schedule does the same",
        )
        return
    turned = bytes(week[week.index(1) :] + week[: week.index(1)])
    shortest = min(len(pause) for pause in turned.split(b"\1") if pause)
    if shortest < SHORTEST_MINUTES:
        sentence = f"a pause leaves {shortest} minutes until the next start begins, less than {SHORTEST_MINUTES}; join the windows"
        yield "schedule.windows", "pause-too-short", sentence


def _length(window: Mapping[str, Any]) -> int:
    """Minutes, on a day without clock change; 0 for one that closes when it opens."""
    return (_minutes(window["closes"]) - _minutes(window["opens"])) % _DAY_MINUTES


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _time(text: str) -> time:
    return time(*divmod(_minutes(text), 60))


def _known_zone(schedule: Schedule) -> "ZoneInfo":
    zone = _zone(str(schedule["time_zone"]))
    if zone is None:
        raise ValueError(f"{schedule['time_zone']} is no time zone")
    return zone


def _zone(name: str) -> "ZoneInfo | None":
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # ten milliseconds of every cold start, for the few models that have a schedule

    if name.startswith(_NO_ZONES):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of zones
        return None
