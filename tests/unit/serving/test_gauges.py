"""What operators are told of operations and copies: nothing while there is nothing, and no model's name among the metrics."""

import json
from dataclasses import replace
from typing import Any

import pytest

from kit.observability import metrics
from serving.adapters.gauges import MetricGauges, moved
from serving.domain.model import Failure
from serving.domain.operation import Goal, Operation, OperationStatus
from serving.domain.stock import Running, Stock, taken

ACCEPTED, DEADLINE = "2026-01-01T00:00:00.000Z", "2026-01-01T00:10:00.000Z"
RUNNING = Operation("op", "m", "create", Goal.SERVE, 1, OperationStatus.RUNNING, "somebody", ACCEPTED, ACCEPTED, DEADLINE)


def _told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The metrics of the one line that is flushed now; none = {}."""
    capsys.readouterr()
    if not metrics.provider.metric_set:
        return {}
    metrics.flush_metrics()
    line = next(json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Slipway"
    assert [sorted(names) for names in directive["Dimensions"]] == [["environment", "service"]]
    return {metric["Name"]: line[metric["Name"]][0] for metric in directive["Metrics"]}


@pytest.fixture(autouse=True)
def _service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics.provider, "service", "serving")
    metrics.clear_metrics()


def test_nothing_under_way_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A metric that is told each minute costs 0.30 USD a month, also at rest."""
    MetricGauges().show(Stock(0, 0.0, 0.0, ()))
    assert _told(capsys) == {}


def test_stock_is_told_as_a_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Two models' copies add up; one whose price is not known counts its GPUs all the same."""
    MetricGauges().show(Stock(2, 30.0, 0.0, (Running("a", 2, 4, 3.5), Running("b", 1, 8, None))))
    assert _told(capsys) == {"OperationsInProgress": 2.0, "OldestOperation": 30.0, "CostPerHour": 3.5, "GpuHours": 0.2}


def test_stock_is_taken_of_what_ecs_holds() -> None:
    """The age of the oldest, the delay of the latest, and the price of the copies that there are."""
    late = replace(RUNNING, created_at="2026-01-01T00:01:00.000Z", deadline="2026-01-01T00:02:00.000Z")
    found = taken([RUNNING, late], [], lambda *_: 1.0, "2026-01-01T00:05:00.000Z")
    assert (found.operations, found.oldest_seconds, found.overdue_seconds, found.models) == (2, 300.0, 180.0, ())


@pytest.mark.parametrize(
    ("status", "ended", "expected"),
    [
        (OperationStatus.SUCCEEDED, "2026-01-01T00:05:00.000Z", {"OperationSucceeded": 1.0}),
        (OperationStatus.FAILED, DEADLINE, {"OperationFailed": 1.0}),
        (OperationStatus.FAILED, "2026-01-01T00:10:00.001Z", {"OperationFailed": 1.0, "OperationLate": 1.0}),
        (OperationStatus.CANCELLED, "2026-01-01T00:05:00.000Z", {}),
    ],
)
def test_an_end_is_told_once_and_says_whether_it_came_in_time(
    capsys: pytest.CaptureFixture[str], status: OperationStatus, ended: str, expected: dict[str, float]
) -> None:
    """A failure in time keeps the promise; an end after the deadline breaks it."""
    moved([(RUNNING, RUNNING.end(status, ended, Failure("out-of-memory", "It was too large.")))])
    told = _told(capsys)
    seconds = told.pop("OperationSeconds")
    assert told == {"OperationSettled": 1.0} | expected
    assert 300.0 <= seconds <= 600.001


def test_what_is_accepted_is_told_and_what_goes_on_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    """A phase that changes is no news of the whole."""
    moved([(None, RUNNING)])
    assert _told(capsys) == {"OperationAccepted": 1.0}
    moved([(RUNNING, RUNNING.moved(ACCEPTED, phase="loading"))])
    assert _told(capsys) == {}
