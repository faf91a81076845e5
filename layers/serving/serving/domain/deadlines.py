"""How long an operation may take before it is given up, from the wish alone. Seconds."""

from collections.abc import Mapping
from typing import Any

VALIDATION_SECONDS = 900
PROVIDER_SECONDS = 600
REMOVAL_SECONDS = 1800
HALT_SECONDS = 1800
_CAPACITY_SECONDS = {"cpu": 300, "gpu": 900}
_START_SECONDS = {"cpu": 900, "gpu": 2700}
_START_VARIABLE = "SLIPWAY_START_TIMEOUT_SECONDS"


def serving_seconds(spec: Mapping[str, Any]) -> int:
    """For bringing a model into service: validation, an instance, the engine's start, once more for a second start."""
    if spec["hosting"] == "provider":
        return PROVIDER_SECONDS
    unit = "gpu" if spec["accelerator"]["gpus"] else "cpu"
    health = spec["container"]["health_check"]
    asked = str(spec["container"]["environment"].get(_START_VARIABLE, ""))
    start = int(asked) if asked.isdecimal() else _START_SECONDS[unit]
    grace = int(health["start_period_seconds"]) + int(health["retries"]) * int(health["interval_seconds"])
    return VALIDATION_SECONDS + _CAPACITY_SECONDS[unit] + 2 * max(start, grace)


def seconds_for(goal: str, spec: Mapping[str, Any]) -> int:
    """For an operation with this goal."""
    shrinking = {"remove": REMOVAL_SECONDS, "halt": HALT_SECONDS, "update": serving_seconds(spec) + HALT_SECONDS}
    return shrinking.get(goal, serving_seconds(spec))
