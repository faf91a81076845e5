"""The objectives' alarms, carried out over made-up days: an outage rings at once, a fast burn in time, what the budget allows never.

Windows and factors are those of https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts: 14.4 times over an hour
and five minutes, 6 times over six hours and half an hour. A burn of b times against a healthy past is seen by the long window after
factor ÷ b of it; the short window ends the alarm once the burn has ended.
"""

from collections.abc import Callable

import pytest

from tests.architecture.metric_math import composite, rings, value
from tests.architecture.watching import ALARMS, COMPOSITES
from tests.evidence import counted

BUDGET = 0.001
PER_MINUTE = 10_000.0  # so many that the share of bad ones can be had exactly
# What fails, what there is in all, and what may fail besides.
OBJECTIVES: dict[str, tuple[str, str, list[str]]] = {
    "Settlement": ("late", "settled", []),
    "Serving": ("failed", "requests", ["refused"]),
}
WINDOWS = {"Hour": 60, "FiveMinutes": 5, "SixHours": 360, "HalfHour": 30}

each = pytest.mark.parametrize("objective", sorted(OBJECTIVES))


def _first(objective: str, burn: Callable[[int], float], minutes: int, per_minute: float = PER_MINUTE) -> list[int]:
    """The minutes after which the objective's alarm rings, with this burn in each minute."""
    failing, whole, others = OBJECTIVES[objective]
    points: dict[str, list[float | None]] = {
        failing: [burn(minute) * BUDGET * per_minute or None for minute in range(minutes)],
        whole: [per_minute] * minutes,
        **{name: [None] * minutes for name in others},
    }
    rule = COMPOSITES[f"{objective}SloAlarm"]["AlarmRule"]["Fn::Sub"]
    parts = {f"{objective}Burn{window}": ALARMS[f"{objective}Burn{window}"] for window in WINDOWS}
    found = [minute for minute in range(minutes) if composite(rule, {name: rings(alarm, points, minute) for name, alarm in parts.items()})]
    counted("minutes_of_objectives_watched", minutes, objective=objective)
    return found


@each
def test_the_windows_are_those_of_the_workbook(objective: str) -> None:
    """Period and threshold of each part."""
    for window, minutes in WINDOWS.items():
        alarm = ALARMS[f"{objective}Burn{window}"]
        assert {metric["MetricStat"]["Period"] for metric in alarm["Metrics"] if "MetricStat" in metric} == {minutes * 60}
        assert alarm["Threshold"] == pytest.approx((14.4 if minutes in {60, 5} else 6) * BUDGET)


@each
@pytest.mark.parametrize("burn", [0.0, 1.0, 5.9])
def test_what_the_budget_allows_never_rings(objective: str, burn: float) -> None:
    """A whole day of it, from the first minute; the slowest burn that is told is six times."""
    assert _first(objective, lambda _: burn, 24 * 60) == []


@each
def test_a_fast_burn_from_the_first_request_rings_within_the_short_window(objective: str) -> None:
    """Twenty times as fast as allowed, with nothing before it."""
    assert _first(objective, lambda _: 20.0, 6)[0] < WINDOWS["FiveMinutes"]


@each
def test_an_outage_after_a_healthy_day_rings_within_the_short_window(objective: str) -> None:
    """Everything fails: 1,000 times; 14.4 ÷ 1,000 of an hour is not a minute."""
    began = 400
    assert began <= _first(objective, lambda minute: 1000.0 if minute >= began else 0.0, began + 10)[0] < began + WINDOWS["FiveMinutes"]


@each
@pytest.mark.parametrize(("burn", "within"), [(20.0, 44), (100.0, 9), (7.0, 309)])
def test_a_burn_after_a_healthy_day_rings_when_the_long_window_has_seen_enough(objective: str, burn: float, within: int) -> None:
    """20 times: 14.4 ÷ 20 of an hour. 7 times: too slow for the hour, 6 ÷ 7 of six hours."""
    began = 400
    first = _first(objective, lambda minute: burn if minute >= began else 0.0, began + within + 1)[0]
    assert began + within * 0.9 - 1 <= first <= began + within


@each
def test_it_falls_silent_soon_after_the_burn_has_ended(objective: str) -> None:
    """The short windows forget within half an hour what the long ones still hold."""
    began, ended = 400, 460
    rung = _first(objective, lambda minute: 100.0 if began <= minute < ended else 0.0, ended + 120)
    assert ended - 1 <= rung[-1] < ended + WINDOWS["HalfHour"]


def test_one_late_operation_never_rings() -> None:
    """Ten operations an hour: one of them late would be a burn of 100 times. Two are no accident."""
    expression = ALARMS["SettlementBurnHour"]["Metrics"][0]["Expression"]
    assert value(expression, {"late": 1, "settled": 10}) == 0
    assert value(expression, {"late": 2, "settled": 10}) == pytest.approx(0.2)
    assert value(expression, {"late": None, "settled": 10}) == 0


def test_requests_that_no_router_took_count() -> None:
    """Also where the balancer answers all of them itself, and nobody else tells anything."""
    expression = ALARMS["ServingBurnHour"]["Metrics"][0]["Expression"]
    assert value(expression, {"failed": None, "requests": None, "refused": 500}) == 1
    assert value(expression, {"failed": 5, "requests": 900, "refused": 100}) == pytest.approx(0.105)
    assert value(expression, {"failed": 9, "requests": 9, "refused": None}) == 0


def test_a_router_that_cannot_be_reached_is_told_of_by_its_share() -> None:
    """More than one in a hundred, and more than nine."""
    expression = ALARMS["RouterUnreachableAlarm"]["Metrics"][0]["Expression"]
    assert value(expression, {"refused": 9, "passed": None}) == 0
    assert value(expression, {"refused": 10, "passed": None}) == 1
    assert value(expression, {"refused": 10, "passed": 990}) == pytest.approx(0.01)


@pytest.mark.parametrize("expression", ["METRICS()", "late[0]", "__import__('os')", "RATE(late)", "late.real"])
def test_metric_math_that_is_not_known_is_refused(expression: str) -> None:
    """The evaluator says so; it does not guess."""
    with pytest.raises((ValueError, KeyError)):
        value(expression, {"late": 1})
