"""`make bench`: the figures that the README and the closing notes quote, with the conditions under which they were taken.

`python -m bench [PART…] [--creates N] [--rounds N] [--steps N] [--models N] [--entries N]`,
with up, life, step, crowd, scale, cold, cost or all of them.
Results: a table, and a file in .local/bench.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.cold_start import cold_starts
from bench.conditions import conditions
from bench.cost import cost
from bench.creates import creates
from bench.crowd import crowd
from bench.life import life
from bench.measure import Figure
from bench.scale import scale
from bench.step import step
from tests.e2e.platform import ROOT, Platform

PARTS = ("up", "life", "step", "crowd", "scale", "cold", "cost")


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="part", help=" ".join(PARTS))
    parser.add_argument("--creates", type=int, default=10, help="models to create, one after the other")
    parser.add_argument("--rounds", type=int, default=5, help="fresh interpreters for each function; rounds of each operation")
    parser.add_argument("--steps", type=int, default=10, help="load steps, each on a model of its own")
    parser.add_argument("--models", type=int, default=10_000, help="models to list among")
    parser.add_argument("--entries", type=int, default=1_000_000, help="entries of the longest timeline")
    options = parser.parse_args()
    parts = options.parts or PARTS
    console, before = Console(highlight=False), conditions()
    figures: list[Figure] = []
    if "cost" in parts:
        figures += cost()
    if {"up", "life", "step", "crowd", "scale"} & set(parts):
        figures += _platform(parts, options)
    if "cold" in parts:
        figures += cold_starts(options.rounds)
    _show(console, before, figures)
    print(f"kept in {_keep({'before': before, 'after': conditions()}, figures)}")


def _platform(parts: Sequence[str], options: argparse.Namespace) -> list[Figure]:
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as home:
        platform = Platform(Path(home))
        try:
            began = time.monotonic()
            output = platform.up()
            if "up" in parts:
                figures.append(
                    Figure("make up, warm package caches, to the model's whole answer", "s", (time.monotonic() - began,), goal=60)
                )
                figures += [*creates(platform, options.creates), *_phases(output)]
            if "life" in parts:
                figures += life(platform, options.rounds)
            if "step" in parts:
                figures += step(platform, options.steps)
            if "crowd" in parts:
                figures += crowd(platform)
            if "scale" in parts:  # last: the platform hears nothing more afterwards
                figures += scale(platform, options.models, options.entries)
            return figures
        finally:
            platform.run("make down")


def _phases(output: str) -> list[Figure]:
    """The phases of `make up`, from its own lines: `✓ sam deploy … 9.1 s`."""
    lines = [line.split() for line in output.splitlines() if line.startswith("✓") and line.endswith(" s")]
    return [Figure("make up: " + " ".join(words[1:-2])[:60], "s", (float(words[-2]),)) for words in lines]


def _show(console: Console, found: dict[str, Any], figures: list[Figure]) -> None:
    for name, value in found.items():
        console.print(f"{name:10} {value}")
    table = Table("figure", "n", "p50", "p95", "max", "unit", "goal", box=None, pad_edge=False)
    for figure in figures:
        table.add_row(*figure.row())
    console.print(table)


def _keep(found: dict[str, Any], figures: list[Figure]) -> Path:
    folder = ROOT / ".local" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / time.strftime("%Y%m%dT%H%M%S.json")
    path.write_text(json.dumps({"conditions": found, "figures": [figure.document() for figure in figures]}, indent=2) + "\n")
    return path


if __name__ == "__main__":
    main()
