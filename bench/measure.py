"""A figure: what was measured, how often, and what was hoped for."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """Samples of one thing in one unit; `goal` is an upper bound for the 95th percentile, or, with `every`, for the largest."""

    name: str
    unit: str
    samples: tuple[float, ...]
    goal: float | None = None
    every: bool = False

    def percentile(self, share: float) -> float:
        """Nearest-rank percentile; NaN without samples."""
        ordered = sorted(self.samples)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan

    def row(self) -> tuple[str, ...]:
        """Cells of the table."""
        numbers = (self.percentile(0.5), self.percentile(0.95), max(self.samples, default=math.nan))
        goal = "" if self.goal is None else f"≤ {self.goal:g} {'✓' if numbers[2 if self.every else 1] <= self.goal else '✗'}"
        return (self.name, str(len(self.samples)), *(f"{number:.3g}" for number in numbers), self.unit, goal)

    def document(self) -> dict[str, Any]:
        """For the JSON file."""
        found = {"name": self.name, "unit": self.unit, "p50": self.percentile(0.5), "p95": self.percentile(0.95)}
        return found | {"goal": self.goal, "samples": list(self.samples)}
