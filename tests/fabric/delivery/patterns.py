"""EventBridge's event patterns, in which filters of event sources are written too: values, prefix, suffix, anything-but, exists, numeric.

Whatever else a pattern uses is an error, never ignored.
"""

from collections.abc import Mapping
from typing import Any


def matches(pattern: Mapping[str, Any], event: Any) -> bool:
    """Whether every field of the pattern is met; fields that it does not name do not matter."""
    return all(_field(expected, event, name) for name, expected in pattern.items())


def _field(expected: Any, event: Any, name: str) -> bool:
    if name == "$or":
        return any(matches(one, event) for one in expected)
    present = isinstance(event, Mapping) and name in event
    value = event[name] if present else None
    if isinstance(expected, Mapping):
        return matches(expected, value) if present or _asks_for_absence(expected) else False
    values = value if isinstance(value, list) else [value]
    return any(_rule(rule, values, present=present) for rule in expected)


def _rule(rule: Any, values: list[Any], *, present: bool) -> bool:
    if isinstance(rule, Mapping):
        ((operator, given),) = rule.items()
        if operator == "exists":
            return present is given
        return present and any(_operator(operator, given, value) for value in values)
    return present and any(type(value) is type(rule) and value == rule for value in values)


def _operator(operator: str, given: Any, value: Any) -> bool:
    if operator == "prefix":
        return isinstance(value, str) and value.startswith(given)
    if operator == "suffix":
        return isinstance(value, str) and value.endswith(given)
    if operator == "equals-ignore-case":
        return isinstance(value, str) and value.lower() == given.lower()
    if operator == "anything-but":
        if isinstance(given, Mapping):
            ((inner, what),) = given.items()
            return isinstance(value, str) and not _operator(inner, what, value)
        return value not in (given if isinstance(given, list) else [given])
    if operator == "numeric":
        pairs = zip(given[::2], given[1::2], strict=True)
        return isinstance(value, int | float) and not isinstance(value, bool) and all(_NUMERIC[sign](value, limit) for sign, limit in pairs)
    message = f"the operator {operator} is not interpreted"
    raise ValueError(message)


_NUMERIC = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _asks_for_absence(pattern: Mapping[str, Any]) -> bool:
    """Whether a nested pattern can be met by a field that is not there at all."""
    return all(
        _asks_for_absence(item) if isinstance(item, Mapping) else any(isinstance(r, Mapping) and r.get("exists") is False for r in item)
        for item in pattern.values()
    )
