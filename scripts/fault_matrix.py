#!/usr/bin/env python3
"""Writes docs/fault-matrix.md: what each hop does under each fault, from the proofs in tests/fabric/matrix."""

import inspect
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[:1] = [
        str(folder) for root in [Path(__file__).resolve().parents[1]] for folder in (root, *root.glob("layers/*"), root / "serving_image")
    ]

from scripts.template import ROOT
from tests.fabric.matrix.cells import FAULTS, Cell, Hop
from tests.fabric.matrix.hops import HOPS

PAGE = ROOT / "docs" / "fault-matrix.md"
_PROVEN, _REASONED = "●", "○"
_HEAD = """# Nine hops under seventeen faults

What is expected where a fault meets a hop. ● a test brings the fault about, fails unless it came to pass, and then looks for what the
sentence says; ○ the fault cannot befall the hop, or is dealt with elsewhere, and the sentence says why. Of {cells} cells {proven} are
proven and {reasoned} reasoned.

Written by `make matrix` from [the proofs](../tests/fabric/matrix); `make fabric` finds a page that is out of date.
[What is promised](reliability.md)."""


def page() -> str:
    """The whole page."""
    found = [cell for hop in HOPS for cell in hop.cells.values()]
    proven = sum(cell.proof is not None for cell in found)
    head = _HEAD.format(cells=len(found), proven=proven, reasoned=len(found) - proven)
    return "\n\n".join([head, _overview(), *(_chapter(hop) for hop in HOPS)]) + "\n"


def _overview() -> str:
    """One row a fault, one column a hop."""
    rows = ["| fault | " + " | ".join(f"[{hop.number}](#{_anchor(hop)})" for hop in HOPS) + " |", "|---" * (len(HOPS) + 1) + "|"]
    rows += [f"| {fault} | " + " | ".join(_sign(hop.cells[fault]) for hop in HOPS) + " |" for fault in FAULTS]
    return "\n".join(rows)


def _chapter(hop: Hop) -> str:
    """One hop: every fault with its sentence."""
    proofs = [cell.proof for cell in hop.cells.values() if cell.proof is not None]
    files = dict.fromkeys(Path(inspect.getfile(proof)).resolve().relative_to(ROOT) for proof in proofs)
    named = ", ".join(f"[{file.name}](../{file})" for file in files)
    rows = [f"## {hop.number} {hop.name}", "", f"Proofs: {named}.", "", "| fault | | |", "|---|---|---|"]
    rows += [f"| {fault} | {_sign(hop.cells[fault])} | {hop.cells[fault].sentence} |" for fault in FAULTS]
    return "\n".join(rows)


def _sign(cell: Cell) -> str:
    return _PROVEN if cell.proof else _REASONED


def _anchor(hop: Hop) -> str:
    """As GitHub makes it of the heading: letters, digits and hyphens; what is neither goes, blanks become hyphens."""
    kept = "".join(one for one in f"{hop.number} {hop.name}".lower() if one.isalnum() or one in " -")
    return kept.replace(" ", "-")


if __name__ == "__main__":
    PAGE.write_text(page())
