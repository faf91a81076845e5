"""The page of what is proven: its figures are those of the last run and of nobody's hand, and what it leads to exists."""

import json
import re

from scripts.proof_page import BEGIN, END, LEAST, PAGE, RINGS, SHARES, TITLES, insert, must_be_none
from scripts.template import ROOT
from tests.architecture.watching import ALARMS, COMPOSITES, emitted

DOCUMENT = json.loads((ROOT / "docs" / "reliability.json").read_text())
TEXT = PAGE.read_text()


def test_the_figures_are_those_of_the_document() -> None:
    """Rendered anew, the page is the same to the letter."""
    assert insert(TEXT, DOCUMENT) == TEXT
    assert TEXT.count(BEGIN) == TEXT.count(END) == 1


def test_what_must_never_happen_has_not_happened() -> None:
    """Nothing leaked, lost or doubled; no ring failed."""
    assert must_be_none(DOCUMENT) == []
    assert [ring for ring in DOCUMENT["rings"] if ring["failed"]] == []
    assert {ring["ring"] for ring in DOCUMENT["rings"]} <= set(RINGS)
    assert DOCUMENT["figures"]


def test_what_the_page_leads_to_exists() -> None:
    """Tests and runbooks, from where the page lies."""
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert len(links) > 30
    assert [link for link in links if not (PAGE.parent / link).exists()] == []


def test_the_page_names_alarms_and_metrics_that_exist() -> None:
    """An objective that nothing measures is a wish."""
    assert set(re.findall(r"`(\w+Alarm)`", TEXT)) <= {*ALARMS, *COMPOSITES}
    assert {"OperationLate", "OperationSettled"} <= {metric.name for metric in emitted()} & set(re.findall(r"`(\w+)`", TEXT))


def test_every_ring_is_a_folder_and_every_folder_a_ring() -> None:
    """A new ring is run by `make proof` too; folders of helpers hold no tests."""
    of_rings = {path for paths in RINGS.values() for path in paths}
    folders = {f"tests/{path.name}" for path in (ROOT / "tests").iterdir() if path.is_dir() and any(path.rglob("test_*.py"))}
    assert folders == of_rings


def test_what_the_page_has_a_title_for_is_counted_by_some_test() -> None:
    """Otherwise a figure that the page means to show is missing from it, and nobody sees that."""
    code = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    named = {*TITLES, *LEAST, *(figure for pair in SHARES.values() for figure in pair)}
    assert sorted(named - set(re.findall(r'\bcounted\(\s*"(\w+)"', code))) == []
