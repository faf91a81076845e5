"""JSONPath and the conditions of Choice, as far as our state machines use them."""

import copy
import json
from collections.abc import Mapping
from typing import Any

Json = Any


class TaskFailed(Exception):
    """A task ended with an error: its name and its cause, as Step Functions tells them."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause


def holds(rule: Mapping[str, Any], data: Json) -> bool:
    """Whether a rule of a Choice is true of the data; ValueError for an operator that is not interpreted."""
    if "And" in rule:
        return all(holds(one, data) for one in rule["And"])
    if "Or" in rule:
        return any(holds(one, data) for one in rule["Or"])
    if "Not" in rule:
        return not holds(rule["Not"], data)
    operators = set(rule) - {"Variable", "Next", "Comment"}
    (operator,) = operators
    try:
        value = read(rule["Variable"], data, {})
    except TaskFailed:
        return operator == "IsPresent" and rule["IsPresent"] is False
    if operator == "IsPresent":
        return bool(rule["IsPresent"])
    if operator in {"StringEquals", "BooleanEquals", "NumericEquals"}:
        return bool(value == rule[operator])
    raise ValueError(f"{operator} is not interpreted")


def given_to(state: Mapping[str, Any], data: Json, context: Mapping[str, Any]) -> Json:
    """What a state gets: its InputPath of the data, its Parameters filled with that."""
    chosen = read(state.get("InputPath", "$"), data, context)
    return filled(state["Parameters"], chosen, context) if "Parameters" in state else chosen


def filled(template: Json, data: Json, context: Mapping[str, Any]) -> Json:
    """A template whose names that end with `.$` are replaced by what their paths lead to."""
    if isinstance(template, dict):
        return {
            name.removesuffix(".$"): read(value, data, context) if name.endswith(".$") else filled(value, data, context)
            for name, value in template.items()
        }
    if isinstance(template, list):
        return [filled(one, data, context) for one in template]
    return template


def read(path: str, data: Json, context: Mapping[str, Any]) -> Json:
    """What a path leads to, in the data or, with `$$`, in the context; TaskFailed where it leads nowhere."""
    here: Json = context if path.startswith("$$") else data
    for part in path.lstrip("$").split(".")[1:]:
        if not isinstance(here, dict) or part not in here:
            raise TaskFailed("States.ParameterPathFailure", f"{path} is not in {json.dumps(data)[:200]}")
        here = here[part]
    return copy.deepcopy(here)


def placed(state: Mapping[str, Any], data: Json, result: Json) -> Json:
    """The data with a state's result where its ResultPath says."""
    path = state.get("ResultPath", "$")
    if path is None:
        return data
    if path == "$":
        return result
    whole = copy.deepcopy(data)
    *way, last = path.lstrip("$").split(".")[1:]
    here = whole
    for part in way:
        here = here.setdefault(part, {})
    here[last] = result
    return whole
