"""A run's figures as people and programs read them: tables, goals, a plot, JSON."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.router.figures import OURS, Goal, Row, markdown, ratios, table
from bench.router.plot import plot

_BEGIN, _END = "<!-- figures: made by `make bench-router KEEP=1` -->", "<!-- end of figures -->"
_PLAIN: Final = "plain, 32 at a time"
_EVENTS: Final = "streams of 100 events at once, 32 at a time"
_PLOTTED: Final = (_PLAIN, _EVENTS, "32 streams, an event each 5 ms: first event, p50")
_FLAT: Final = 1.03
"""What memory may grow by over the second half of the requests."""


@dataclass(frozen=True)
class Report:
    """What was found, and under which conditions. `missing`: gateways that could not be run, and why."""

    conditions: dict[str, Any]
    rows: list[Row]
    gateways: list[str]
    missing: dict[str, str]

    def row(self, name: str) -> Row | None:
        """The row whose name begins so."""
        return next((row for row in self.rows if row.name.startswith(name)), None)

    def middle(self, name: str, gateway: str = OURS) -> float | None:
        """A row's median for a gateway."""
        row = self.row(name)
        return None if row is None else row.middle(gateway)

    def goals(self) -> list[Goal]:
        """What the router is to reach on one core, with everything on."""
        found = [
            Goal("plain requests", 5_000, self.middle(_PLAIN), "requests/s"),
            Goal("plain requests, compared with the LiteLLM proxy", 60, self._times(_PLAIN, "LiteLLM proxy"), "times"),
            Goal("plain requests, compared with Portkey", 5, self._times(_PLAIN, "Portkey"), "times"),
            Goal("plain requests, compared with bare ASGI", 0.6, self._times(_PLAIN, "bare ASGI"), "times"),
            Goal("added at half load, p50", 0.4, self.middle("added at half load: p50"), "ms", at_least=False),
            Goal("added at half load, p99", 1.5, self.middle("added at half load: p99"), "ms", at_least=False),
            Goal("stream events", 100_000, self.middle(_EVENTS), "events/s"),
            Goal("first event at 32 streams, added, p50", 3, self._added_first(), "ms", at_least=False),
            Goal("10,000 tokens and 200 models, processor", 1.1, self._many(), "times one each", at_least=False),
        ]
        begun, half, whole = (row for row in (self._memory(0), self._memory(1), self._memory(2)))
        found.append(
            Goal("memory", 200, max((each for each in (begun, half, whole) if each is not None), default=None), "MiB", at_least=False)
        )
        grown = whole / half if whole is not None and half else None
        found.append(Goal("memory, growth over the second half of the requests", _FLAT, grown, "times", at_least=False))
        found.append(Goal("from a revoked token to the first refusal", 5_000, self.middle("from a revoked"), "ms", at_least=False))
        found.append(Goal("from a commit to the moved traffic", 1_000, self._worst("from a commit"), "ms, at most", at_least=False))
        return found

    def _times(self, name: str, gateway: str) -> float | None:
        row = self.row(name)
        return None if row is None else row.ratio(gateway)

    def _added_first(self) -> float | None:
        ours, none = (self.middle(_PLOTTED[2], name) for name in (OURS, "no gateway"))
        return None if ours is None or none is None else ours - none

    def _many(self) -> float | None:
        one, many = self.middle("1 model, 1 token: processor"), self.middle("200 models, 10,000 tokens: processor")
        return many / one if one and many else None

    def _memory(self, place: int) -> float | None:
        found = [row for row in self.rows if row.name.startswith(("memory at the beginning", "memory after"))]
        return found[place].middle(OURS) if place < len(found) else None

    def _worst(self, name: str) -> float | None:
        row = self.row(name)
        return max(row.samples[OURS], default=None) if row is not None and OURS in row.samples else None

    def _shared(self) -> list[Row]:
        return [row for row in self.rows if len(row.samples) > 1]

    def _ours(self) -> list[Row]:
        return [row for row in self.rows if set(row.samples) == {OURS}]

    def text(self) -> str:
        """All of it, as Markdown."""
        told = [("condition", ""), *((name, str(value)) for name, value in self.conditions.items() if name != "versions")]
        parts = ["### Conditions", markdown([tuple(cell.replace("|", "/") for cell in line) for line in told])]
        parts += [f"Not run here: {name} ({why}).\n" for name, why in self.missing.items()]
        goals = [("goal", "bound", "measured", ""), *(goal.cells() for goal in self.goals())]
        parts += ["### Goals", markdown(goals), "### Medians", markdown(table(self._shared(), self.gateways))]
        parts += [
            "### How many times better ours is",
            markdown(ratios(self._shared(), [name for name in self.gateways if name != "no gateway"])),
        ]
        if self._ours():
            parts += ["### Ours alone", markdown(table(self._ours(), [OURS]))]
        return "\n".join(parts)

    def document(self) -> dict[str, Any]:
        """For the file."""
        goals = [{"name": goal.name, "bound": goal.bound, "value": goal.value, "unit": goal.unit, "met": goal.met} for goal in self.goals()]
        return {"conditions": self.conditions, "missing": self.missing, "goals": goals, "rows": [row.document() for row in self.rows]}


def keep(report: Report, path: Path) -> Path:
    """Write the figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report.document(), indent=1) + "\n")
    return path


def publish(report: Report, folder: Path) -> None:
    """Write router.json and router.svg, and put the tables between the marks of router.md."""
    keep(report, folder / "router.json")
    plotted = [row for name in _PLOTTED if (row := report.row(name)) is not None]
    (folder / "router.svg").write_text(plot(plotted, [name for name in report.gateways if name != "no gateway"]))
    page = folder / "router.md"
    before, _, rest = page.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    page.write_text(f"{before}{_BEGIN}\n\n{report.text()}\n{_END}{after}")
