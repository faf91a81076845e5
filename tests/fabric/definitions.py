"""Definitions in the Amazon States Language: read from their files, and refused where they hold what nobody interprets."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FIELDS = {
    "Task": {"Resource", "Parameters", "ResultSelector", "TimeoutSeconds", "HeartbeatSeconds", "Retry", "Catch"},
    "Choice": {"Choices", "Default"},
    "Wait": {"Seconds", "SecondsPath"},
    "Pass": {"Result", "Parameters"},
    "Succeed": set(),
    "Fail": {"Error", "Cause"},
}

_COMMON = {"Type", "Comment", "Next", "End", "InputPath", "OutputPath", "ResultPath"}


def load(path: Path, substitutions: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A definition with `${Name}` replaced; by default each name by itself, so that a function's ARN is its logical name."""
    text = path.read_text()
    names = set(re.findall(r"\$\{(\w+)\}", text))
    given = substitutions or {name: name for name in names}
    for name in names:
        text = text.replace("${" + name + "}", given[name])
    return _parsed(text)


@cache
def _parsed(text: str) -> dict[str, Any]:
    """Nobody changes a definition, and hundreds of worlds in one process start with the same few."""
    definition: dict[str, Any] = yaml.safe_load(text)
    check(definition)
    return definition


def check(definition: Mapping[str, Any]) -> None:
    """ValueError for anything that this interpreter would not carry out, and for a `Next` that leads nowhere."""
    states = definition["States"]
    for name, state in states.items():
        unknown = set(state) - _COMMON - _FIELDS[state["Type"]]
        if unknown:
            raise ValueError(f"{name}: {sorted(unknown)} is not interpreted")
        for target in _targets(state):
            if target not in states:
                raise ValueError(f"{name}: there is no state {target}")
    if definition["StartAt"] not in states:
        raise ValueError(f"there is no state {definition['StartAt']}")


def _targets(state: Mapping[str, Any]) -> Iterator[str]:
    yield from (state[name] for name in ("Next", "Default") if name in state)
    for group in ("Choices", "Catch"):
        yield from (rule["Next"] for rule in state.get(group, ()))
