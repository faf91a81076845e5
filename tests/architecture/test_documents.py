"""What pages lead to is there: links, files, commands, variables; and decisions are one like the other."""

import re
from functools import cache
from pathlib import Path

import pytest

from scripts.template import ROOT
from tests.architecture.commands import CHECKS, assert_exists, commands_in

PAGES = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "docs/**/*.md", "events/*.md", "functions/*/*.md", "cli/*.md", "serving_image/**/*.md", "tests/**/*.md")
    for path in ROOT.glob(pattern)
)
BESIDE_RUNBOOKS = [page for page in PAGES if "runbooks" not in page.parts]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
PARTS = ["Question", "Options", "Choice", "Cost", "Undo"]
SOURCES = (
    "bench",
    "cli",
    "functions",
    "layers",
    "local",
    "scripts",
    "serving_image",
    "stacks",
    "statemachines",
    "tests",
    "docs",
    "events",
    "locks",
)
KERNEL = {"SO_REUSEPORT"}

each_page = pytest.mark.parametrize("page", PAGES, ids=str)
each_decision = pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)


@cache
def _text(page: Path) -> str:
    return (ROOT / page).read_text()


def _prose(page: Path) -> str:
    """Without blocks of code."""
    return re.sub(r"^```.*?^```", "", _text(page), flags=re.DOTALL | re.MULTILINE)


def _spans(page: Path) -> set[str]:
    """What stands between backquotes."""
    return set(re.findall(r"`([^`\n]+)`", _prose(page)))


@cache
def _files() -> frozenset[str]:
    """Every file of ours, by each end of its path: `contracts/engine.py` will do."""
    paths = [path.relative_to(ROOT).parts for folder in SOURCES for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    paths += [path.relative_to(ROOT).parts for path in ROOT.iterdir()]
    return frozenset("/".join(parts[start:]) for parts in paths for start in range(len(parts)))


@cache
def _words_of_the_code() -> frozenset[str]:
    files = [
        path for folder in SOURCES for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".yaml"} or "Dockerfile" in path.name
    ]
    files += [ROOT / "Makefile", ROOT / "template.yaml", ROOT / "scripts" / "images"]
    return frozenset(word for path in files if path.is_file() for word in re.findall(r"\b[A-Z][A-Z0-9_]+\b", path.read_text()))


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_a_link_leads_somewhere(page: Path) -> None:
    """To a file or a folder of ours, and to a heading of it where it names one."""
    for link in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
        if link.startswith(("https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page.parent / name).resolve() if name else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target.relative_to(ROOT)), link


@each_page
def test_a_file_that_is_named_is_there(page: Path) -> None:
    """By its whole path, or by the end of it."""
    named = {
        span.rstrip("/")
        for span in _spans(page)
        if re.fullmatch(r"\w[\w./-]*/[\w.-]+\.(py|md|yaml|json|toml|txt|svg)|\w+\.(py|md|yaml)", span)
    }
    assert named - _files() == set()


@each_page
def test_a_variable_that_is_named_is_read(page: Path) -> None:
    """Somewhere in the code or in the templates."""
    named = {match[1] for span in _spans(page) if (match := re.fullmatch(r"([A-Z]+(?:_[A-Z0-9]+)+)(?:=.*)?", span))}
    assert named - _words_of_the_code() - KERNEL == set()


@pytest.mark.parametrize("page", BESIDE_RUNBOOKS, ids=str)
def test_a_command_that_is_named_exists(page: Path) -> None:
    """With each of its options (the runbooks' have a test for each: `test_runbooks`)."""
    for whole, command in commands_in(_text(page)):
        assert_exists(command, whole=whole)


def test_there_are_pages_and_commands() -> None:
    """Enough that the tests above mean something."""
    assert len(PAGES) > 60
    assert {command[0] for page in BESIDE_RUNBOOKS for _, command in commands_in(_text(page))} == set(CHECKS)


@each_decision
def test_a_decision_has_its_parts(path: Path) -> None:
    """Number, day and state; the question, the options, the choice, what it costs, how to undo it: in this order, with whatever between."""
    title, _, state, *_ = path.read_text().splitlines()
    assert re.fullmatch(rf"# {int(path.name[:4])}\. \S.*", title)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d · (accepted|replaced by \d+)", state)
    found = re.findall(r"^\*\*(\w+)[^*]*\*\*", path.read_text(), re.MULTILINE)
    assert [part for part in found if part in PARTS] == PARTS


def test_every_decision_has_a_number_of_its_own_and_a_line_in_the_list() -> None:
    """In order."""
    listed = re.findall(r"^\| \[(\d+)\]\((\S+)\) \| \S", (ROOT / "docs" / "decisions" / "README.md").read_text(), re.MULTILINE)
    assert listed == [(str(int(path.name[:4])), path.name) for path in DECISIONS]
    assert len({number for number, _ in listed}) == len(DECISIONS)
