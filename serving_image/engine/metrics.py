"""Metrics in our own neutral names, whatever the engine calls its own."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from contracts.engine import Phase
from engine.adapters.base import Metrics
from engine.state import State

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SAMPLE: Final = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([^ ]+)(?: \d+)?$")
_SUFFIXES: Final = ("_total", "_bucket", "_sum", "_count", "_created")
_MODEL_LABEL: Final = re.compile(r'model_name="(?:[^"\\]|\\.)*",?')


class Sample(NamedTuple):
    """One line of an exposition: metric name, labels as they stand, value as it stands."""

    name: str
    labels: str
    value: str


def read_samples(exposition: str) -> Iterator[Sample]:
    """Read a Prometheus text exposition; lines that are no samples are passed over."""
    for line in exposition.split("\n"):  # the format knows no other line end; a label may hold what Python takes for one
        if (match := _SAMPLE.match(line)) and _is_number(match[3]):
            yield Sample(match[1], match[2] or "", match[3])


def total(exposition: str, name: str) -> float | None:
    """Add up a metric over all its labels; None where the engine does not have it."""
    values = [float(sample.value) for sample in read_samples(exposition) if sample.name == name]
    return sum(values) if values else None


def translate(exposition: str, metrics: Metrics, identity: str) -> str:
    """Rename what has a neutral name, drop the rest, and put our identity labels first."""
    lines = []
    for sample in read_samples(exposition):
        if (name := _neutral(sample.name, metrics.names)) is not None:
            labels = _MODEL_LABEL.sub("", sample.labels).strip(",")
            lines.append(f"{name}{{{identity}{',' if labels else ''}{labels}}} {sample.value}\n")
    return "".join(lines)


def own_metrics(state: State) -> str:
    """Say what the supervisor knows by itself, whether the engine answers or not."""
    identity = identity_labels(state)
    age = state.monotonic() - state.sign_of_life
    lines = [f'slipway_engine_phase{{{identity},phase="{phase}"}} {int(phase is state.phase)}\n' for phase in Phase]
    lines += [f'slipway_engine_phase_seconds{{{identity},phase="{phase}"}} {spent:.3f}\n' for phase, spent in state.durations.items()]
    lines.append(f"slipway_engine_requests_in_flight{{{identity}}} {state.in_flight}\n")
    lines.append(f"slipway_engine_heartbeat_age_seconds{{{identity}}} {age:.3f}\n")
    return "".join(lines)


def identity_labels(state: State) -> str:
    """Build the labels that every sample of ours carries."""
    return f'model_id="{_escape(state.model_id)}",version="{_escape(state.version)}"'


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _neutral(name: str, names: Mapping[str, str]) -> str | None:
    if name in names:
        return names[name]
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and (base := names.get(name.removesuffix(suffix))) is not None:
            return base + suffix
    return None


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
