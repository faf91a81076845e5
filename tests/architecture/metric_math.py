"""CloudWatch's metric math as far as our alarms use it, and its alarms over series of a minute's points.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html: IF(condition, then, else), FILL(metric, value),
arithmetic and comparisons. The grammar is Python's own, so the expression is parsed by it; whatever else stands in it is refused.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation-window.html: by default a window slides, minute by minute.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

Points = Mapping[str, Sequence[float | None]]
"""A metric's id → its value in each minute; None = nothing was told."""

_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARE: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}
_THRESHOLD: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
}


def value(expression: str, metrics: Mapping[str, float | None]) -> float | None:
    """The expression's value for one period; None where a metric that it needs has no data, or where it divides by zero."""
    return _value(_parsed(expression), metrics)


@cache
def _parsed(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


def _value(node: ast.expr, metrics: Mapping[str, float | None]) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return metrics[name]
        case ast.Call(func=ast.Name(id="FILL"), args=[metric, filling]):
            found = _value(metric, metrics)
            return _value(filling, metrics) if found is None else found
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            decided = _value(condition, metrics)
            return None if decided is None else _value(then if decided else otherwise, metrics)
        case ast.BinOp(left=left, op=operation, right=right):
            return _combined(_BINARY[type(operation)], _value(left, metrics), _value(right, metrics))
        case ast.Compare(left=left, ops=[comparison], comparators=[right]):
            return _combined(_COMPARE[type(comparison)], _value(left, metrics), _value(right, metrics))
    raise ValueError(f"{ast.unparse(node)} is not of the metric math that is known here")


def _combined(operation: Callable[[float, float], float], left: float | None, right: float | None) -> float | None:
    if left is None or right is None or (operation is operator.truediv and right == 0):
        return None
    return float(operation(left, right))


def rings(alarm: Mapping[str, Any], points: Points, minute: int) -> bool:
    """Whether a math alarm with `Sum` metrics and one evaluation period is in ALARM after that minute; missing data does not breach."""
    assert alarm["EvaluationPeriods"] == 1
    assert alarm["TreatMissingData"] == "notBreaching"
    (expression,) = [metric["Expression"] for metric in alarm["Metrics"] if "Expression" in metric]
    sums: dict[str, float | None] = {}
    for metric in alarm["Metrics"]:
        if "MetricStat" in metric:
            assert metric["MetricStat"]["Stat"] == "Sum"
            minutes = int(metric["MetricStat"]["Period"]) // 60
            told = [point for point in points[metric["Id"]][max(0, minute + 1 - minutes) : minute + 1] if point is not None]
            sums[metric["Id"]] = sum(told) if told else None
    found = value(expression, sums)
    return found is not None and _THRESHOLD[alarm["ComparisonOperator"]](found, float(alarm["Threshold"]))


def composite(rule: str, states: Mapping[str, bool]) -> bool:
    """What a composite alarm's rule (`ALARM("${Name}")`, AND, OR, parentheses) says of its parts' states."""
    text = re.sub(r'ALARM\("\$\{(\w+)\}"\)', r"\1", rule).replace(" AND ", " and ").replace(" OR ", " or ")
    return _holds(_parsed(text), states)


def _holds(node: ast.expr, states: Mapping[str, bool]) -> bool:
    match node:
        case ast.Name(id=name):
            return states[name]
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_holds(part, states) for part in parts)
        case ast.BoolOp(op=ast.Or(), values=parts):
            return any(_holds(part, states) for part in parts)
    raise ValueError(f"{ast.unparse(node)} is no rule")
