"""`make proof`: lines become sums, sums become a page, and a page is never written over a failure."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts import proof, proof_page

DOCUMENT: dict[str, Any] = {
    "commit": "abc",
    "date": "2026-01-01",
    "scale": 1.0,
    "machine": "2 cores",
    "rings": [{"ring": "unit", "seconds": 1.5, "passed": 3, "failed": 0, "skipped": 1}],
    "figures": [
        {"figure": "grants_given", "labels": {"role": "a"}, "value": 10},
        {"figure": "grants_used", "labels": {"role": "a"}, "value": 9},
        {"figure": "canaries_leaked", "labels": {}, "value": 0},
        {"figure": "something_new", "labels": {"kind": "x", "ring": "fabric"}, "value": 1200},
        {"figure": "something_new", "labels": {"kind": "y", "ring": "fabric"}, "value": 34},
    ],
}


def _line(figure: str, value: float, **labels: str) -> dict[str, Any]:
    return {"figure": figure, "value": value, "labels": labels, "test": "t"}


def test_equal_labels_are_added_up_whoever_counted() -> None:
    """Two processes count the same thing; another label is another entry."""
    lines = [_line("b", 1, kind="x"), _line("a", 2), _line("b", 2, kind="x"), _line("b", 0.5, kind="y")]
    assert proof.added_up(lines) == [
        {"figure": "a", "labels": {}, "value": 2},
        {"figure": "b", "labels": {"kind": "x"}, "value": 3},
        {"figure": "b", "labels": {"kind": "y"}, "value": 0.5},
    ]


def test_the_evidence_of_every_process_is_read(tmp_path: Path) -> None:
    """One file a process, one line a count."""
    (tmp_path / "1.jsonl").write_text(json.dumps(_line("a", 1)) + "\n" + json.dumps(_line("a", 2)) + "\n")
    (tmp_path / "2.jsonl").write_text(json.dumps(_line("a", 3)) + "\n")
    assert [line["value"] for line in proof.evidence(tmp_path)] == [1, 2, 3]


def test_a_figure_that_nobody_has_named_is_shown_too() -> None:
    """With its sum, and its parts by each label."""
    page = proof_page.figures(DOCUMENT)
    assert "| Something new | 1,234 | kind: x 1,200, y 34; ring: fabric 1,234 |" in page
    assert "| Actions used ÷ granted | 90.0 % | |" in page
    assert "| unit | 1.5 | 3 | 1 |" in page


def test_many_parts_are_counted_and_not_listed() -> None:
    """A label with hundreds of values is said in a word."""
    many = [{"figure": "api_cases", "labels": {"operation": str(number)}, "value": 300} for number in range(30)]
    page = proof_page.figures(DOCUMENT | {"figures": many})
    assert "| Cases against the management API and the router's | 9,000 | operation: 30 of them |" in page


@pytest.mark.parametrize("figure", ["canaries_leaked", "effects_lost", "effects_doubled", "invariants_violated", "server_errors"])
def test_what_must_never_happen_is_refused(figure: str) -> None:
    """Once is enough; none is fine."""
    counted = [{"figure": figure, "labels": {}, "value": 1}]
    assert proof_page.must_be_none(DOCUMENT) == []
    assert proof_page.must_be_none(DOCUMENT | {"figures": counted}) == [f"{figure} is 1 and must be 0"]


def test_a_whole_run_that_does_too_little_is_refused() -> None:
    """Of a figure that has a floor; a part of the rings, or a fraction of the size, is held to none."""
    rings = [{"ring": name, "seconds": 1, "passed": 1, "failed": 0, "skipped": 0} for name in proof_page.RINGS]
    enough: list[dict[str, Any]] = [{"figure": figure, "labels": {}, "value": least} for figure, least in proof_page.LEAST.items()]
    whole = DOCUMENT | {"rings": rings, "figures": enough}
    assert proof_page.too_few(whole) == []
    less = whole | {"figures": [enough[0] | {"value": enough[0]["value"] - 1}, *enough[2:]]}
    assert [line.split(" ")[0] for line in proof_page.too_few(less)] == list(proof_page.LEAST)[:2]
    seldom: list[dict[str, Any]] = [
        {"figure": "api_cases", "labels": {"operation": name, "kind": kind}, "value": value}
        for name, value in (("often", 150), ("seldom", 149))
        for kind in ("positive", "negative")
    ]
    rare = whole | {"figures": [*enough, *seldom]}
    assert proof_page.too_few(rare) == ["api_cases of seldom is 298 and must be at least 300"]
    assert proof_page.too_few(less | {"scale": 0.2}) == proof_page.too_few(less | {"rings": rings[1:]}) == []


def test_figures_replace_figures_and_leave_the_rest() -> None:
    """What stands around the markers stays; rendering twice changes nothing."""
    page = f"before\n{proof_page.BEGIN}\nold\n{proof_page.END}\nafter\n"
    once = proof_page.insert(page, DOCUMENT)
    assert once.startswith(f"before\n{proof_page.BEGIN}\n")
    assert once.endswith(f"{proof_page.END}\nafter\n")
    assert "old" not in once
    assert proof_page.insert(once, DOCUMENT) == once
    with pytest.raises(ValueError, match="lacks"):
        proof_page.insert("no markers", DOCUMENT)


def _rings(monkeypatch: pytest.MonkeyPatch, folder: Path, failed: int, **counts: float) -> list[str]:
    """Replace the rings by ones that count this; the texts that would be written."""
    page, document = folder / "page.md", folder / "document.json"
    page.write_text(proof_page.insert(f"{proof_page.BEGIN}\n{proof_page.END}\n", DOCUMENT))
    document.write_text(json.dumps(DOCUMENT))
    monkeypatch.setattr(proof, "ROOT", folder)
    monkeypatch.setattr(proof, "PAGE", page)
    monkeypatch.setattr(proof, "DOCUMENT", document)
    monkeypatch.setattr(proof, "conditions", lambda: {name: DOCUMENT[name] for name in ("commit", "date", "scale", "machine")})

    def ring(name: str, _workers: str, evidence: Path) -> dict[str, Any]:
        with (evidence / "1.jsonl").open("a") as file:
            file.writelines(json.dumps(_line(figure, value)) + "\n" for figure, value in counts.items())
        return {"ring": name, "seconds": 1.0, "passed": 1, "failed": failed, "skipped": 0}

    monkeypatch.setattr(proof, "run_ring", ring)
    return [page.read_text(), document.read_text()]


def test_a_whole_run_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The page is what the document says."""
    _rings(monkeypatch, tmp_path, failed=0, things_done=2, **proof_page.LEAST)
    assert proof.main([f"--folder={tmp_path / 'evidence'}"]) == 0
    document = json.loads((tmp_path / "document.json").read_text())
    assert proof_page.sums(document)["things_done"] == 2 * len(proof_page.RINGS)
    assert proof_page.figures(document) in (tmp_path / "page.md").read_text()


@pytest.mark.parametrize(
    ("failed", "counts", "rings"),
    [
        (1, proof_page.LEAST, ""),
        (0, {**proof_page.LEAST, "canaries_leaked": 1.0}, ""),
        (0, {"too_little": 1.0}, ""),
        (0, {}, "--rings=unit"),
    ],
)
def test_nothing_else_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failed: int, counts: dict[str, float], rings: str
) -> None:
    """Not after a failure, not with a figure that must be none, not after too little, and not by a part of the suite."""
    before = _rings(monkeypatch, tmp_path, failed, **counts)
    assert proof.main([f"--folder={tmp_path / 'evidence'}", *filter(None, [rings])]) == int(bool(failed or counts))
    assert [(tmp_path / name).read_text() for name in ("page.md", "document.json")] == before


def test_a_part_of_the_suite_is_written_when_asked_for_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody takes it for the whole."""
    _rings(monkeypatch, tmp_path, failed=0, things_done=2)
    assert proof.main([f"--folder={tmp_path / 'evidence'}", "--rings=unit,fabric", "--partial"]) == 0
    assert "Not run, and so not in the figures: contract, architecture" in (tmp_path / "page.md").read_text()


def test_what_has_passed_is_kept_and_what_has_failed_is_run_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The page says of which commit each ring is, and counts the evidence of no ring that failed or is not asked for."""
    evidence = f"--folder={tmp_path / 'evidence'}"
    _rings(monkeypatch, tmp_path, failed=1, things_done=2)
    assert proof.main([evidence, "--rings=fabric", "--partial"]) == 1
    _rings(monkeypatch, tmp_path, failed=0, things_done=3)
    assert proof.main([evidence, "--rings=unit", "--partial", "--again"]) == 0
    assert proof_page.sums(json.loads((tmp_path / "document.json").read_text())) == {"things_done": 3}
    _rings(monkeypatch, tmp_path, failed=0, things_done=4)
    monkeypatch.setattr(proof, "conditions", lambda: {**{name: DOCUMENT[name] for name in ("date", "scale", "machine")}, "commit": "def"})
    assert proof.main([evidence, "--rings=unit,fabric", "--partial", "--again"]) == 0
    document = json.loads((tmp_path / "document.json").read_text())
    assert proof_page.sums(document) == {"things_done": 7}
    page = (tmp_path / "page.md").read_text()
    assert "| unit (of `abc`) | 1 | 1 | 0 |" in page
    assert "| fabric | 1 | 1 | 0 |" in page


def test_the_outcome_is_what_pytest_reports(tmp_path: Path) -> None:
    """Errors in fixtures count as failures."""
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite tests="7" failures="1" errors="2" skipped="1"/></testsuites>')
    assert proof.outcome(report) == {"passed": 3, "failed": 3, "skipped": 1}
