"""Rules for a wish that need more than one field's own shape."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from serving.domain import schedule
from serving.domain.model import Spec

MAX_BYTES = 49_152  # a ledger row holds the wish three times, a task definition takes 64 KiB, an event travels with it
_MAX_ARGUMENTS_BYTES = 16_384  # they travel as one environment variable
_SECONDS = {"SLIPWAY_DRAIN_SECONDS": 3600, "SLIPWAY_START_TIMEOUT_SECONDS": 14_400}  # what the engine's supervisor takes at most
_SCALARS = (str, int, float, bool, type(None))


def complaints(spec: Spec) -> Iterator[tuple[str, str, str]]:
    """Path, code and sentence of each thing that does not fit."""
    size = len(json.dumps(spec, ensure_ascii=False).encode())
    if size > MAX_BYTES:
        yield "", "too-large", f"the model's description takes {size} bytes of JSON, more than {MAX_BYTES}"
    if spec["hosting"] != "hosted":
        if spec.get("schedule"):
            yield "schedule", "not-for-provider-models", "a third party serves this model: there is nothing of ours to start and to stop"
        return
    if spec.get("schedule"):
        yield from schedule.complaints(spec["schedule"])
    if spec["capacity"]["desired"] < 1:
        yield "capacity.desired", "too-small", "a model is created with at least one copy"
    yield from _seconds(spec["container"]["environment"])
    yield from _arguments(spec["engine"]["arguments"])


def _seconds(environment: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for name, most in _SECONDS.items():
        text = environment.get(name, "1")
        if not (text.isdecimal() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
            yield f"container.environment.{name}", "out-of-range", f"takes a whole number of seconds from 1 to {most}"


def _arguments(arguments: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    if len(json.dumps(arguments).encode()) > _MAX_ARGUMENTS_BYTES:
        yield "engine.arguments", "too-large", f"all arguments together take more than {_MAX_ARGUMENTS_BYTES} bytes"
    for name, value in arguments.items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(one, _SCALARS) for one in values):
            yield f"engine.arguments.{name}", "wrong-type", "takes a text, a number, true, false, or a list of those"
