"""Runs every ring of the suite and writes what it counted into docs/reliability.md: `make proof [SLIPWAY_PROOF_SCALE=40]`.

The figures lie in docs/reliability.json; the page's part between the markers is rendered from it and from nothing else. A run in which a
test fails, in which something was counted that must not be, or which did too little, writes neither: `--keep-going` says all first, and
`--again` runs what has failed then, or has not run, and keeps the rest, each ring with its commit.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.proof_page import PAGE, RINGS, insert, must_be_none, together, too_few
from scripts.template import ROOT

DOCUMENT = ROOT / "docs" / "reliability.json"
FOLDER = ROOT / ".local" / "proof"
PLATFORMS = os.environ.get("PLATFORMS", "3")
"""How many platforms and emulators stand side by side, as in `make test`: they wait more than they work."""


def added_up(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What tests have counted, one entry for each figure and set of labels, in a lasting order."""
    amounts: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for line in lines:
        key = line["figure"], tuple(sorted(line["labels"].items()))
        amounts[key] = together(line["figure"], amounts.get(key, 0.0), line["value"])
    return [{"figure": figure, "labels": dict(labels), "value": round(value, 6)} for (figure, labels), value in sorted(amounts.items())]


def evidence(folder: Path) -> list[dict[str, Any]]:
    """Every line that the suite has left in the folder."""
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


def outcome(report: Path) -> dict[str, int]:
    """Tests that passed, failed and were skipped, by pytest's own report."""
    suites = list(ET.parse(report).getroot().iter("testsuite"))  # noqa: S314 - written by our own pytest a moment ago
    total, failed, skipped = (
        sum(int(suite.get(name, 0)) for suite in suites for name in names) for names in (("tests",), ("failures", "errors"), ("skipped",))
    )
    return {"passed": total - failed - skipped, "failed": failed, "skipped": skipped}


def run_ring(name: str, workers: str, folder: Path) -> dict[str, Any]:
    """Run one ring: its seconds and its tests' outcome."""
    paths = [path for path in RINGS[name] if (ROOT / path).is_dir()]
    report = folder / f"{name}.xml"
    several = ["-n", PLATFORMS if name == "platform" else workers, "--dist", "loadgroup"]
    command = [sys.executable, "-m", "pytest", *several, *paths, f"--junitxml={report}"]
    started = time.monotonic()
    subprocess.run(command, cwd=ROOT, env=os.environ | {"SLIPWAY_EVIDENCE": str(folder)}, check=False)
    seconds = round(time.monotonic() - started, 1)
    return {"ring": name, "seconds": seconds, **(outcome(report) if report.exists() else {"passed": 0, "failed": 1, "skipped": 0})}


def kept(folder: Path) -> dict[str, Any] | None:
    """What a ring came to whose evidence lies there, if it has passed."""
    noted = folder / "outcome.json"
    ring: dict[str, Any] | None = json.loads(noted.read_text()) if noted.exists() else None
    return ring if ring and not ring["failed"] else None


def ran(name: str, workers: str, folder: Path, commit: str) -> dict[str, Any]:
    """Run a ring, whose evidence is put there with what it came to."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ring = run_ring(name, workers, folder) | {"commit": commit}
    (folder / "outcome.json").write_text(json.dumps(ring))
    return ring


def conditions() -> dict[str, Any]:
    """What the figures depend on: the commit, the day, the machine, the size."""
    head = _git("rev-parse", "--short=12", "HEAD")
    return {
        "commit": head + ("+changes" if _git("status", "--porcelain", "--untracked-files=no") else ""),
        "date": datetime.now(UTC).date().isoformat(),
        "scale": float(os.environ.get("SLIPWAY_PROOF_SCALE", "1")),
        "machine": ", ".join(
            [
                f"{os.cpu_count()} cores",
                f"{_memory_gib()} GiB",
                f"{platform.system()} {platform.machine()}",
                f"Python {platform.python_version()}",
            ]
        ),
    }


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def main(arguments: list[str]) -> int:
    """Run, add up, write; 1 if something failed or was counted that must not be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rings", default=",".join(RINGS), help="only these, comma separated; the page is then not written")
    parser.add_argument("--partial", action="store_true", help="write the page although only some rings were run; it says which were not")
    parser.add_argument("--workers", default=os.environ.get("WORKERS", "auto"), help="of pytest-xdist")
    parser.add_argument("--keep-going", action="store_true", help="run the other rings although one has failed")
    parser.add_argument("--again", action="store_true", help="keep the rings that have passed in the last run")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for the evidence; emptied first, but for what --again keeps")
    given = parser.parse_args(arguments)
    if not given.again:
        shutil.rmtree(given.folder, ignore_errors=True)
    about, rings = conditions(), []
    PAGE.write_text(insert(PAGE.read_text(), json.loads(DOCUMENT.read_text())))  # a test compares them, as this script would write them now
    for name in given.rings.split(","):
        rings.append(kept(given.folder / name) or ran(name, given.workers, given.folder / name, about["commit"]))
        if rings[-1]["failed"] and not given.keep_going:
            break
    document = {**about, "rings": rings, "figures": added_up(line for ring in rings for line in evidence(given.folder / ring["ring"]))}
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    (given.folder / "reliability.json").write_text(text)
    wrong = [f"ring {ring['ring']}: {ring['failed']} test(s) failed" for ring in rings if ring["failed"]]
    wrong += must_be_none(document) + too_few(document)
    if wrong or not (given.partial or set(given.rings.split(",")) == set(RINGS)):
        print(*(wrong or ["not every ring was run"]), f"Nothing is written to {PAGE.relative_to(ROOT)}; see {given.folder}.", sep="\n")
        return 1 if wrong else 0
    DOCUMENT.write_text(text)
    PAGE.write_text(insert(PAGE.read_text(), document))
    print(f"{PAGE.relative_to(ROOT)} holds the figures of {document['commit']}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
