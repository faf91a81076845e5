"""What dashboards show and alarms look at is really told by somebody, and dashboards are what CloudWatch takes.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

import itertools
import re
from typing import Any

import pytest

from scripts import cost_at_rest
from scripts.template import ROOT
from serving.adapters.gauges import SWEEP_HOURS
from serving.domain.stock import Running
from tests.architecture.reading import CHILDREN, CONTEXTS, child, function, pascal, references, template
from tests.architecture.watching import (
    ALARMS,
    AWS_METRICS,
    COMPOSITES,
    DASHBOARDS,
    FILTERS,
    OBSERVABILITY,
    Metric,
    body,
    emitted,
    shown,
    watched,
)

COLUMNS = 24
VIEWS = {"metric": {"timeSeries", "singleValue", "gauge", "bar", "pie"}, "log": {"table", "timeSeries", "bar", "pie"}}
RENDERING = {"color", "label", "period", "stat", "visible", "yAxis", "id", "expression", "region", "accountId"}
STATISTICS = r"Sum|Average|Minimum|Maximum|SampleCount|p\d{1,2}(\.\d+)?"

LOOKED_FOR = {
    "serving": {
        "OperationAccepted", "OperationsInProgress", "OperationSucceeded", "OperationFailed", "OldestOperation",
        "ApproximateNumberOfMessagesVisible", "SweepRepairs", "GpuHours", "CostPerHour",
    },
    "routing": {"RouteChanged", "ApproximateNumberOfMessagesVisible", "SweepRepairs"},
    "access": {"TokenIssued", "TokenRevoked", "ApproximateNumberOfMessagesVisible", "SweepRepairs"},
    "registry": {
        "ModelVersionPublished", "ModelVersionValidated", "ModelVersionRejected", "ApproximateNumberOfMessagesVisible", "SweepRepairs",
    },
    "usage": {"Invocations", "ApproximateNumberOfMessagesVisible"},
    "data_plane": {"Requests", "RequestsFailed", "GpuHours", "CostPerHour"},
}  # fmt: skip
"""What whoever is called at night looks for: work taken on, under way, done and failed, what was given up and repaired, and the cost."""

each_board = pytest.mark.parametrize("name", sorted(DASHBOARDS))


def _exists(metric: Metric) -> bool:
    if metric.namespace.startswith("AWS/"):
        return metric.name in AWS_METRICS.get((metric.namespace, metric.kind[2]), set())
    return metric in emitted()


@each_board
def test_a_dashboard_shows_what_is_told(name: str) -> None:
    """By our code, with this namespace and these dimensions; or by AWS, with dimensions that it documents."""
    metrics = list(shown(DASHBOARDS[name]))
    assert len(metrics) >= 4
    assert [metric for metric in metrics if not _exists(metric)] == []


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_looks_at_what_is_told(name: str) -> None:
    """An alarm on a metric that nobody tells is silent for ever, or rings for ever."""
    assert [metric for metric in watched(ALARMS[name]) if not _exists(metric)] == []


def test_what_our_code_tells_is_shown() -> None:
    """A metric costs money: none is told that no dashboard has a place for, but for facts that others' metrics say already."""
    facts = {"ModelDeletionRequested", "ModelStopRequested", "CapacityChanged"}
    seen = {metric for board in DASHBOARDS.values() for metric in shown(board)}
    assert {metric.name for metric in emitted() - seen} <= facts


def test_a_metric_that_nobody_tells_is_noticed() -> None:
    """The comparison can fail: on a name, on a dimension's name, on its value."""
    own = (("environment", "${Environment}"), ("service", "serving"))
    assert _exists(Metric("Slipway", "OperationSettled", own))
    assert not _exists(Metric("Slipway", "OperationSetled", own))
    assert not _exists(Metric("Slipway", "OperationSettled", (("service", "serving"),)))
    assert not _exists(Metric("Slipway", "OperationSettled", (("environment", "${Environment}"), ("service", "routing"))))
    assert not _exists(Metric("AWS/Events", "FailedInvocations", (("EventBusName", "${BusName}"),)))


@pytest.mark.parametrize("context", [*CONTEXTS, "data_plane"])
def test_every_context_has_its_dashboard(context: str) -> None:
    """Named after it, with its dead letters, and with a word on the first row that says what it promises."""
    board = DASHBOARDS[f"{pascal(context)}Dashboard"]
    assert board["DashboardName"] == {"Fn::Sub": "${StackLabel}-" + context.replace("_", "-")}
    first = body(board)["widgets"][0]
    assert (first["type"], first["x"], first["y"], first["width"]) == ("text", 0, 0, COLUMNS)
    if context in CONTEXTS:
        letters = Metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", (("QueueName", f"${{{pascal(context)}DeadLetters}}"),))
        assert letters in set(shown(board))


@pytest.mark.parametrize("context", LOOKED_FOR)
def test_a_dashboard_shows_what_is_looked_for(context: str) -> None:
    """One dashboard a context; the routers' times with their halves and their slowest twentieths."""
    board = DASHBOARDS[f"{pascal(context)}Dashboard"]
    assert LOOKED_FOR[context] - {metric.name for metric in shown(board)} == set()
    if context == "data_plane":
        entries = [entry for widget in body(board)["widgets"] for entry in widget["properties"].get("metrics", ())]
        drawn = {(entry[1], entry[-1].get("stat")) for entry in entries if len(entry) > 1 and isinstance(entry[-1], dict)}
        assert {(name, part) for name in ("RequestSeconds", "FirstTokenSeconds") for part in ("p50", "p95")} <= drawn


@each_board
def test_a_dashboard_lies_within_the_grid_without_overlaps(name: str) -> None:
    """24 columns; a widget of which another lies on top is not seen."""
    widgets = body(DASHBOARDS[name])["widgets"]
    assert 0 < len(widgets) <= 500
    for widget in widgets:
        assert 0 <= widget["x"] < COLUMNS
        assert 1 <= widget["width"] <= COLUMNS - widget["x"]
        assert widget["y"] >= 0
        assert 1 <= widget["height"] <= 1000
    for one, other in itertools.combinations(widgets, 2):
        apart = (
            one["x"] + one["width"] <= other["x"]
            or other["x"] + other["width"] <= one["x"]
            or one["y"] + one["height"] <= other["y"]
            or other["y"] + other["height"] <= one["y"]
        )
        assert apart, (one["properties"], other["properties"])


@each_board
def test_a_widget_is_of_a_kind_that_cloudwatch_draws(name: str) -> None:
    """Type, properties and the form of each metric, as documented; CloudFormation itself checks none of it."""
    for widget in body(DASHBOARDS[name])["widgets"]:
        properties = widget["properties"]
        assert set(widget) == {"type", "x", "y", "width", "height", "properties"}
        if widget["type"] == "text":
            assert set(properties) == {"markdown"}
            continue
        assert properties["region"] == "${AWS::Region}"
        assert properties["title"]
        assert properties["view"] in VIEWS[widget["type"]]
        if widget["type"] == "log":
            assert re.match(r"SOURCE '\$\{\w+Logs\}' \| ", properties["query"])
            continue
        assert re.fullmatch(STATISTICS, properties["stat"])
        assert properties["period"] % 60 == 0
        for entry in properties["metrics"]:
            _assert_drawable(entry)


def _assert_drawable(entry: list[Any]) -> None:
    """Namespace, name, pairs of dimensions, and at the end perhaps how it is drawn; or an expression alone."""
    rendering = entry[-1] if isinstance(entry[-1], dict) else {}
    plain = entry[:-1] if rendering else entry
    assert all(isinstance(part, str) and part for part in plain)
    assert set(rendering) <= RENDERING
    assert rendering.get("yAxis", "left") in {"left", "right"}
    assert re.fullmatch(STATISTICS, rendering.get("stat", "Sum"))
    if plain:
        assert len(plain) >= 2
        assert len(plain) % 2 == 0
    else:
        assert re.fullmatch(r"[a-z]\w*", rendering["id"])


def test_log_queries_ask_for_what_is_logged() -> None:
    """A message that no code writes, or a field that no line has, finds nothing."""
    code = "\n".join(path.read_text() for folder in ("layers/serving", "serving_image/router") for path in (ROOT / folder).rglob("*.py"))
    fields = {"operation": set(re.findall(r'"(\w+)": ', _source("gauges"))), "stock": set(Running.__annotations__)}
    messages = set()
    for board in DASHBOARDS.values():
        for widget in body(board)["widgets"]:
            query = widget["properties"].get("query", "")
            messages |= set(re.findall(r"message = '([^']+)'", query))
            for whose, field in re.findall(r"\b(operation|stock)\.(\w+)", query):
                assert field in fields[whose], query
    assert {message for message in messages if f'"{message}"' not in code} == set()
    assert len(messages) >= 4


def _source(adapter: str) -> str:
    return (ROOT / f"layers/serving/serving/adapters/{adapter}.py").read_text()


@each_board
def test_a_dashboard_refers_to_parameters_that_exist(name: str) -> None:
    """`${X}` in the body is filled in by CloudFormation; the region is AWS's."""
    assert references(DASHBOARDS[name]) <= set(OBSERVABILITY["Parameters"])


def test_an_alarm_reaches_somebody_or_is_part_of_one_that_does() -> None:
    """Parts of a composite alarm stay silent themselves; everything else tells the topic, also when it is over."""
    ruled = {part for alarm in COMPOSITES.values() for part in references(alarm["AlarmRule"])}
    for name, alarm in {**ALARMS, **COMPOSITES}.items():
        silent = "AlarmActions" not in alarm and "OKActions" not in alarm
        assert silent == (name in ruled), name


def test_the_least_that_is_watched_holds_for_every_environment() -> None:
    """Dead letters, waiting work, sweeps, machines, the API and overdue operations are watched whatever the level."""
    always = {name for name in ALARMS if "Condition" not in OBSERVABILITY["Resources"][name]}
    kinds = {metric.name for name in always for metric in watched(ALARMS[name])}
    assert kinds == {
        "ApproximateNumberOfMessagesVisible",
        "ApproximateAgeOfOldestMessage",
        "Errors",
        "ExecutionsFailed",
        "5xx",
        "OverdueOperation",
    }
    assert not DASHBOARDS.keys() & {name for name, item in OBSERVABILITY["Resources"].items() if "Condition" not in item}


def test_conditions_called_full_are_of_the_level() -> None:
    """The bill at rest goes by their names."""
    conditions = OBSERVABILITY["Conditions"]
    assert conditions["Full"] == {"Fn::Equals": [{"Ref": "Level"}, "full"]}
    assert conditions["FullWithRouter"] == {"Fn::And": [{"Condition": "Full"}, {"Condition": "HasRouter"}]}
    assert {name for name in conditions if name.startswith("Full")} == {"Full", "FullWithRouter"}
    assert template()["Resources"]["Observability"]["Properties"]["Parameters"]["Level"] == {"Ref": "ObservabilityLevel"}


@pytest.mark.parametrize("level", ["minimal", "full"])
def test_a_level_costs_what_the_page_says(level: str) -> None:
    """docs/operations.md names the price of each level, to the cent; no allowance is counted on."""
    templates = {path: child(path) for path in ("template.yaml", *CHILDREN.values())}
    plane, whole = cost_at_rest.sums(cost_at_rest.bill(templates, cost_at_rest.defaults(templates, ObservabilityLevel=level)))
    more = cost_at_rest.GOAL_OF_WATCHING if level == "full" else 0.0
    assert plane <= cost_at_rest.GOAL_WITHOUT_ROUTER + more
    assert whole <= cost_at_rest.GOAL_WITH_ROUTER + more
    assert f"| `{level}` | {plane:.2f} | {whole:.2f} |" in (ROOT / "docs" / "operations.md").read_text()


def test_the_number_of_metrics_in_use_is_what_the_page_says() -> None:
    """Each is 0.30 USD a month if it is told in every hour."""
    most = len(emitted())
    text = (ROOT / "docs" / "operations.md").read_text()
    assert f"at most {most} metrics of Slipway's own ({most * cost_at_rest.METRIC:.2f} USD a month" in text


def test_gpu_hours_are_told_as_often_as_the_sweep_runs() -> None:
    """Each run answers for the time until the next."""
    (schedule,) = function("ServingSweepModelsFunction").events.values()
    assert schedule["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    assert pytest.approx(1 / 60) == SWEEP_HOURS


@pytest.mark.parametrize("context", CONTEXTS)
def test_failed_invocations_are_counted_in_the_contexts_own_logs(context: str) -> None:
    """One log group a context, so one filter sees all of its functions; they log as JSON, platform reports included."""
    item = FILTERS[f"{pascal(context)}FailedInvocations"]
    assert item["LogGroupName"] == {"Ref": f"{pascal(context)}Logs"}
    assert template()["Resources"]["Observability"]["Properties"]["Parameters"][f"{pascal(context)}Logs"] == {
        "Ref": f"{pascal(context)}Logs"
    }
    logging = template()["Globals"]["Function"]["LoggingConfig"]
    assert (logging["LogFormat"], logging["SystemLogLevel"]) == ("JSON", "INFO")
