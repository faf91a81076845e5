"""Reckoning: repeated measurements become medians, medians become ratios and goals that are met or not."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final, Literal

OURS: Final = "slipway"
_BETTER: Final = {"higher": 1.0, "lower": -1.0}
_FOUR_DIGITS: Final = 1000


@dataclass
class Row:
    """One thing that was measured of several gateways. `samples`: by gateway, one of each repetition; a gateway without any was not asked.

    `absent`: why a gateway has none, where that has a reason; `errors`: failed requests of all its repetitions.
    """

    name: str
    unit: str
    better: Literal["higher", "lower"] = "higher"
    samples: dict[str, list[float]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)

    def add(self, gateway: str, value: float, errors: float = 0) -> None:
        """One more measurement."""
        self.samples.setdefault(gateway, []).append(value)
        if errors:
            self.errors[gateway] = self.errors.get(gateway, 0) + int(errors)

    def middle(self, gateway: str) -> float | None:
        """The median of a gateway's measurements; None without one that is a number."""
        known = [value for value in self.samples.get(gateway, ()) if not math.isnan(value)]
        return median(known) if known else None

    def spread(self, gateway: str) -> float | None:
        """How far the measurements lie apart: (largest - smallest) / median."""
        middle = self.middle(gateway)
        known = [value for value in self.samples.get(gateway, ()) if not math.isnan(value)]
        return (max(known) - min(known)) / middle if middle and known else None

    def ratio(self, gateway: str, ours: str = OURS) -> float | None:
        """Ours through theirs where more is better, theirs through ours where less is: above 1 we are better."""
        own, other = self.middle(ours), self.middle(gateway)
        if own is None or other is None or not own or not other:
            return None
        return own / other if self.better == "higher" else other / own

    def document(self) -> dict[str, Any]:
        """For the file."""
        found = {
            name: {"median": finite(self.middle(name)), "samples": [finite(value) for value in values], "errors": self.errors.get(name, 0)}
            for name, values in self.samples.items()
        }
        return {"name": self.name, "unit": self.unit, "better": self.better, "gateways": found, "absent": self.absent}


@dataclass(frozen=True)
class Goal:
    """What was to be reached, and what was: `value` against `bound`, met from above or from below. None: it could not be measured."""

    name: str
    bound: float
    value: float | None
    unit: str = ""
    at_least: bool = True

    @property
    def met(self) -> bool:
        """Whether it was reached."""
        if self.value is None or math.isnan(self.value):
            return False
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def cells(self) -> tuple[str, ...]:
        """Of its line in the table."""
        measured = "not measured" if self.value is None else f"{shown(self.value)} {self.unit}".strip()
        return (
            self.name,
            f"{'≥' if self.at_least else '≤'} {shown(self.bound)} {self.unit}".strip(),
            measured,
            "met" if self.met else "**missed**",
        )


def finite(value: float | None) -> float | None:
    """A number that JSON has, to six digits."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def shown(value: float | None) -> str:
    """A number as people read it: three digits, thousands apart."""
    if value is None or math.isnan(value):
        return "-"
    if math.isinf(value):
        return "∞"
    if abs(value) >= _FOUR_DIGITS:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"


def table(rows: Iterable[Row], gateways: Sequence[str]) -> list[tuple[str, ...]]:
    """Medians: a line for each row, a column for each gateway, the units with the names."""
    lines: list[tuple[str, ...]] = [("", *gateways)]
    lines += [(f"{row.name}, {row.unit}", *(_cell(row, gateway) for gateway in gateways)) for row in rows]
    return lines


def _cell(row: Row, gateway: str) -> str:
    if gateway in row.absent and gateway not in row.samples:
        return row.absent[gateway]
    text = shown(row.middle(gateway))
    errors = row.errors.get(gateway, 0)
    return f"{text} ({errors} failed)" if errors else text


def ratios(rows: Iterable[Row], gateways: Sequence[str], ours: str = OURS) -> list[tuple[str, ...]]:
    """How many times better ours is, by row and gateway."""
    others = [gateway for gateway in gateways if gateway != ours]
    lines: list[tuple[str, ...]] = [("", *others)]
    for row in rows:
        found = [row.ratio(gateway, ours) for gateway in others]
        if any(each is not None for each in found):
            lines.append((row.name, *("-" if each is None else f"{shown(each)} times" for each in found)))
    return lines


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """A table; the first line is its head."""
    head, *body = lines
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *body)) + "\n"
