"""The figures of docs/reliability.md, as text: from docs/reliability.json and nothing else."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from scripts.template import ROOT

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- figures: written by make proof -->", "<!-- end of figures -->"
MOST_PARTS = 24
RINGS = {
    "unit": ("tests/unit",),
    "contract": ("tests/contract",),
    "architecture": ("tests/architecture",),
    "statemachines": ("tests/statemachines",),
    "functional": ("tests/functional", "tests/clients"),
    "fabric": ("tests/fabric",),
    "borders": ("tests/borders",),
    "scans": ("tests/scans",),
    "platform": ("tests/e2e", "tests/emulator"),
}
# What a figure is called on the page, where its own name does not say it well enough. The others are listed by their names.
TITLES = {
    "crash_points_swept": "Crash points swept (before and after every call to AWS, of every function and step)",
    "crash_pairs_swept": "Pairs of crashes swept",
    "model_examples": "Random lives run against the invariants",
    "model_steps": "Steps in them",
    "faults_injected": "Faults injected",
    "effects_lost": "Effects lost",
    "effects_doubled": "Effects doubled",
    "planted_bugs_planted": "Mistakes planted in the product",
    "planted_bugs_found": "Of these, found",
    "matrix_cells_covered": "Cells of the fault matrix proven",
    "matrix_cells_reasoned": "Cells of the fault matrix that do not apply, each with its reason",
    "machine_edges_taken": "Edges of state machines taken, all that there are",
    "history_operations": "Operations in the history of concurrent clients",
    "history_violations": "Violations found in it",
    "processes_killed": "Processes killed at random moments",
    "answers_without_control_plane": "Answers of the router while the control plane was dead",
    "answers_without_control_plane_lost": "Of these, lost",
    "lifecycle_events_sent": "Lifecycle events sent through the bus",
    "lifecycle_events_lost": "Of these, lost",
    "lifecycle_events_per_second": "Lifecycle events a second",
    "fuzz_cases": "Fuzz cases",
    "api_cases": "Cases against the management API and the router's",
    "authorisation_cells": "Cells of principal, route and owner",
    "grants_given": "Actions granted to roles, by resource",
    "grants_used": "Of these, used",
    "canaries_planted": "Secret canaries planted",
    "canaries_leaked": "Secret canaries leaked",
}
# A figure with one of these endings counts what must never happen: a test says 0, so that the page can.
NEVER = ("_leaked", "_lost", "_doubled", "_missed", "_violated", "_violations", "server_errors", "_not_found", "_unjustified")
# What a whole run, or a larger one, must come to at least: less means that something has stopped proving anything.
LEAST = {
    "model_examples": 5_000,
    "faults_injected": 10_000,
    "planted_bugs_found": 15,
    "matrix_cells_covered": 100,
    "storm_scenarios_passed": 12,
    "lifecycle_events_sent": 2_500,
    "ssrf_spellings_refused": 60,
    "jwt_forgeries_refused": 14,
    "canaries_planted": 200,
    "denials_checked": 100,
}
LEAST_OF_EACH = {"api_cases": ("operation", 300)}
"""And so many for each value of a label."""
LARGEST = ("steps_to_", "seconds_to_")  # of a figure that begins so, the largest counts; of every other the sum
SHARES = {
    "Actions used ÷ granted": ("grants_used", "grants_given"),
    "Planted mistakes found": ("planted_bugs_found", "planted_bugs_planted"),
}


def together(figure: str, one: float, other: float) -> float:
    """What two counts of a figure make."""
    return max(one, other) if figure.startswith(LARGEST) else one + other


def sums(document: Mapping[str, Any]) -> dict[str, float]:
    """Each figure, whatever its labels."""
    found: dict[str, float] = {}
    for entry in document["figures"]:
        found[entry["figure"]] = together(entry["figure"], found.get(entry["figure"], 0.0), entry["value"])
    return found


def must_be_none(document: Mapping[str, Any]) -> list[str]:
    """A sentence for everything that was counted and must not be."""
    return [f"{figure} is {_number(value)} and must be 0" for figure, value in sums(document).items() if figure.endswith(NEVER) and value]


def too_few(document: Mapping[str, Any]) -> list[str]:
    """A sentence for everything of which less was done than a whole run has to do; none of a smaller or partial run."""
    if document["scale"] < 1 or {ring["ring"] for ring in document["rings"]} != set(RINGS):
        return []
    done = sums(document)
    found = [(figure, done.get(figure, 0), least) for figure, least in LEAST.items()]
    for figure, (label, least) in LEAST_OF_EACH.items():
        parts = Counter[str]()
        for entry in document["figures"]:
            if entry["figure"] == figure:
                parts[entry["labels"][label]] += entry["value"]
        found += [(f"{figure} of {name}", value, least) for name, value in parts.items()]
    return [f"{what} is {_number(value)} and must be at least {_number(least)}" for what, value, least in found if value < least]


def figures(document: Mapping[str, Any]) -> str:
    """The part of the page between its markers."""
    scale = document["scale"]
    size = "whole" if scale == 1 else f"{_number(scale)} times the whole"
    lines = [f"Of commit `{document['commit']}` on {document['date']}, {size}; {document['machine']}.", ""]
    lines += ["| counted | | by |", "|---|---:|---|"]
    totals, order = sums(document), list(TITLES)
    for figure in sorted(totals, key=lambda name: (order.index(name) if name in order else len(order), name)):
        lines.append(f"| {TITLES.get(figure, _words(figure))} | {_number(totals[figure])} | {_parts(figure, document)} |")
    for title, (part, whole) in SHARES.items():
        if totals.get(part) is not None and totals.get(whole):
            lines.append(f"| {title} | {100 * totals[part] / totals[whole]:.1f} % | |")
    lines += ["", "| ring | seconds | tests passed | skipped |", "|---|---:|---:|---:|"]
    lines += [
        f"| {ring['ring']}{_of_another(ring, document)} | {_number(ring['seconds'])} | {ring['passed']} | {ring['skipped']} |"
        for ring in document["rings"]
    ]
    whole_run = sum(ring["seconds"] for ring in document["rings"])
    passed, skipped = (sum(ring[name] for ring in document["rings"]) for name in ("passed", "skipped"))
    lines.append(f"| all | {_number(round(whole_run, 1))} | {passed} | {skipped} |")
    if missing := [name for name in RINGS if name not in {ring["ring"] for ring in document["rings"]}]:
        lines += ["", f"Not run, and so not in the figures: {', '.join(missing)}."]
    return "\n".join(lines)


def insert(page: str, document: Mapping[str, Any]) -> str:
    """The page with these figures. ValueError without its markers."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the page lacks {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{figures(document)}\n\n{END}{after}"


def _of_another(ring: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """A ring's commit where it is not the document's."""
    commit = ring.get("commit", document["commit"])
    return "" if commit == document["commit"] else f" (of `{commit}`)"


def _parts(figure: str, document: Mapping[str, Any]) -> str:
    """What the figure is made of, by each of its labels: the parts where they are few, else how many there are."""
    by_label: dict[str, dict[str, float]] = {}
    for entry in document["figures"]:
        if entry["figure"] == figure:
            for label, value in entry["labels"].items():
                parts = by_label.setdefault(label, {})
                parts[value] = together(figure, parts.get(value, 0.0), entry["value"])
    return "; ".join(_of_label(label, parts) for label, parts in sorted(by_label.items()))


def _of_label(label: str, parts: Mapping[str, float]) -> str:
    if len(parts) > MOST_PARTS:
        return f"{label}: {len(parts)} of them"
    return f"{label}: " + ", ".join(f"{value} {_number(amount)}" for value, amount in sorted(parts.items()))


def _words(figure: str) -> str:
    return figure.replace("_", " ").capitalize()


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}" if value >= 10 else f"{value:,.3g}"  # noqa: PLR2004
