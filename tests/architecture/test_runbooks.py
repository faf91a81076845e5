"""Every alarm has a page that says what to do, every page an alarm, and every command on a page exists."""

import re
from typing import Any

import pytest

from scripts.template import ROOT
from tests.architecture.commands import CHECKS, REFUSED, assert_exists, commands_in, shell_lines
from tests.architecture.watching import ALARMS, COMPOSITES

FOLDER = ROOT / "docs" / "runbooks"
PAGES = sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "README")
SECTIONS = ["Meaning", "Who is hurt", "First look", "Mend", "When it is false"]
EVERYTHING = {**ALARMS, **COMPOSITES}
DESCRIPTION = re.compile(r"\[(page|ticket|part)\] \S.*\. Runbook: \$\{RunbookBaseUrl\}/([a-z-]+)\.md")

each_page = pytest.mark.parametrize("page", PAGES)


def _text(page: str) -> str:
    return (FOLDER / f"{page}.md").read_text()


def _page_of(alarm: dict[str, Any]) -> str:
    found = DESCRIPTION.fullmatch(alarm["AlarmDescription"]["Fn::Sub"])
    assert found, alarm["AlarmDescription"]
    return found[2]


@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_an_alarm_says_who_is_told_and_where_to_read_on(name: str) -> None:
    """A severity, a sentence, a page; and the page names the alarm."""
    assert f"`{name}`" in _text(_page_of(EVERYTHING[name]))


@each_page
def test_a_page_belongs_to_alarms_that_exist(page: str) -> None:
    """Those that it names are those that lead to it."""
    (named,) = re.findall(r"^Alarms: (.*)$", _text(page), re.MULTILINE)
    leading = {name for name, alarm in EVERYTHING.items() if _page_of(alarm) == page}
    assert set(re.findall(r"`(\w+Alarm|\w+Burn\w+)`", named)) == leading
    assert leading


@each_page
def test_a_page_has_all_its_parts(page: str) -> None:
    """What it means, who is hurt, where to look first, how to mend it, when it is false: in this order, none of them empty."""
    parts = re.split(r"^## (.*)$", _text(page), flags=re.MULTILINE)
    assert parts[1::2] == SECTIONS
    assert all(len(content.split()) >= 8 for content in parts[2::2])
    assert "```sh" in parts[6]


def test_the_list_of_pages_is_complete() -> None:
    """README.md leads to each, and its links and the pages' lead somewhere."""
    assert set(re.findall(r"^\| \[([a-z-]+)\]\(\1\.md\)", _text("README"), re.MULTILINE)) == set(PAGES)
    for page in [*PAGES, "README"]:
        for link in re.findall(r"\]\(([^)]+)\)", _text(page)):
            assert (FOLDER / link).exists(), link


COMMANDS = [(page, whole, command) for page in [*PAGES, "README"] for whole, command in commands_in(_text(page))]


@pytest.mark.parametrize(
    ("page", "whole", "command"), COMMANDS, ids=lambda value: " ".join(value[:3]) if isinstance(value, list) else str(value)
)
def test_a_command_exists(page: str, whole: bool, command: list[str]) -> None:
    """With each of its options: of ours by the command line's own definition, of AWS's by the API's."""
    del page
    assert_exists(command, whole=whole)


def test_there_are_commands() -> None:
    """Enough that the test above means something."""
    assert len(COMMANDS) > 60
    assert {command[0] for _, _, command in COMMANDS} == set(CHECKS)
    assert {line.split()[0] for page in [*PAGES, "README"] for line in shell_lines(_text(page))} <= set(CHECKS)


def test_a_command_that_does_not_exist_is_noticed() -> None:
    """A wrong verb, a wrong option, a missing argument, a script that is not there."""
    for command in [
        ["slipway", "models", "heal", "MODEL"],
        ["slipway", "models", "retry", "MODEL", "--harder"],
        ["slipway", "models", "retry"],
        ["aws", "sqs", "start-message-move", "--source-arn", "X"],
        ["aws", "sqs", "start-message-move-task", "--from", "X"],
        ["aws", "sqs", "start-message-move-task"],
        ["make", "heal"],
        ["python", "scripts/heal.py"],
    ]:
        with pytest.raises((AssertionError, KeyError, REFUSED)):
            assert_exists(command)
