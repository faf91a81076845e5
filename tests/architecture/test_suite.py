"""What the suite says of its own tests by name: a name that fits no test would do nothing, and nobody would hear of it."""

import re
from collections.abc import Sequence

import pytest

from scripts import run_tests
from scripts.template import ROOT
from tests.conftest import DEEP, LAST
from tests.grouping import GROUPS

_TESTS = [
    f"{path.relative_to(ROOT).as_posix()}::{name}"
    for path in sorted((ROOT / "tests").rglob("test_*.py"))
    for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
]


@pytest.mark.parametrize("part", [*DEEP, *LAST])
def test_what_is_left_out_or_comes_last_is_there(part: str) -> None:
    """By a part of its name."""
    assert any(part in test for test in _TESTS)


def test_every_group_has_tests() -> None:
    """The first beginning that fits counts, so that one behind it must not be swallowed."""
    first = {next((beginning for beginning in GROUPS if test.startswith(beginning)), None) for test in _TESTS}
    assert set(GROUPS) <= first


SCANNED = ("tests/scans/",)
"""What `make scan` runs."""


@pytest.mark.parametrize("test", sorted({test.partition("::")[0] for test in _TESTS}))
def test_every_file_is_run_once(test: str) -> None:
    """By `make check`, `make scan` or `make test`; among those that only reckon if it is named there, and then not among the first."""

    def within(paths: Sequence[str]) -> bool:
        return any(f"{test}/".startswith(f"{path.rstrip('/')}/") for path in paths)

    apart = within(run_tests.RECKONING)
    runs = [within(run_tests.CHECKED), within(SCANNED), within(run_tests.PLATFORMS), apart, within(run_tests.FIRST) and not apart]
    assert runs.count(True) == 1


def test_nobody_relies_on_marks_of_groups() -> None:
    """They do nothing (see `tests.grouping`)."""
    mark = "xdist_group"
    assert [path.name for path in sorted((ROOT / "tests").rglob("*.py")) if f"mark.{mark}" in path.read_text()] == []
