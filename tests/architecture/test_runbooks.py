"""Every alarm has a page that says what to do, every page an alarm, and every command on a page exists."""

import re
import shlex
from functools import cache
from typing import Any

import botocore.session
import pytest
import typer
from botocore import xform_name
from typer.core import TyperGroup

from scripts.template import ROOT
from slipway_cli.app import app
from tests.architecture.watching import ALARMS, COMPOSITES

FOLDER = ROOT / "docs" / "runbooks"
PAGES = sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "README")
SECTIONS = ["Meaning", "Who is hurt", "First look", "Mend", "When it is false"]
EVERYTHING = {**ALARMS, **COMPOSITES}
DESCRIPTION = re.compile(r"\[(page|ticket|part)\] \S.*\. Runbook: \$\{RunbookBaseUrl\}/([a-z-]+)\.md")
# Options of the aws command line itself, beside those of an operation.
GLOBAL_OPTIONS = {"query", "output", "region", "profile", "endpoint-url", "no-cli-pager", "cli-binary-format"}

# Every refusal of the command line's parser, whose module is typer's own affair.
REFUSED: type[BaseException] = typer.BadParameter.__mro__[1]
NAME_ALONE = 3  # words: `aws sqs delete-message`

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


def _commands(page: str) -> list[tuple[bool, list[str]]]:
    """Commands of a page: lines of its shell blocks, and what stands between backquotes in its text (there, a name alone will do)."""
    text = _text(page)
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines() if line.strip()]
    mentioned = re.findall(r"`((?:aws|slipway|make|python) [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [(True, shlex.split(line)) for line in lines] + [(len(line.split()) > NAME_ALONE, shlex.split(line)) for line in mentioned]


COMMANDS = [(page, whole, command) for page in [*PAGES, "README"] for whole, command in _commands(page)]


@pytest.mark.parametrize(
    ("page", "whole", "command"), COMMANDS, ids=lambda value: " ".join(value[:3]) if isinstance(value, list) else str(value)
)
def test_a_command_exists(page: str, whole: bool, command: list[str]) -> None:
    """With each of its options: of ours by the command line's own definition, of AWS's by the API's."""
    del page
    CHECKS[command[0]](command[1:], whole)


def test_there_are_commands() -> None:
    """Enough that the test above means something."""
    assert len(COMMANDS) > 60
    assert {command[0] for _, _, command in COMMANDS} == set(CHECKS)


def test_a_command_that_does_not_exist_is_noticed() -> None:
    """A wrong verb, a wrong option, a missing argument, a script that is not there."""
    for check, words in [
        (_assert_slipway, ["models", "heal", "MODEL"]),
        (_assert_slipway, ["models", "retry", "MODEL", "--harder"]),
        (_assert_slipway, ["models", "retry"]),
        (_assert_aws, ["sqs", "start-message-move", "--source-arn", "X"]),
        (_assert_aws, ["sqs", "start-message-move-task", "--from", "X"]),
        (_assert_aws, ["sqs", "start-message-move-task"]),
        (_assert_make, ["heal"]),
        (_assert_script, ["scripts/heal.py"]),
    ]:
        with pytest.raises((AssertionError, KeyError, REFUSED)):
            check(words, True)


def _assert_slipway(words: list[str], whole: bool) -> None:
    assert whole
    command: Any = typer.main.get_command(app)
    path = []
    while isinstance(command, TyperGroup):
        assert words[0] in command.commands, words
        path.append(words[0])
        command, words = command.commands[words[0]], words[1:]
    command.make_context(" ".join(path), list(words), resilient_parsing=False)


@cache
def _operations(service: str) -> dict[str, Any]:
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name, "-"): model.operation_model(name) for name in model.operation_names}


def _assert_aws(words: list[str], whole: bool) -> None:
    service, name, *rest = words
    operation = _operations(service)[name]
    shape = operation.input_shape
    members = {xform_name(member, "-"): member for member in shape.members} if shape else {}
    given = {word.removeprefix("--").removeprefix("no-") for word in rest if word.startswith("--")}
    assert given - members.keys() - GLOBAL_OPTIONS == set()
    needed = {xform_name(member, "-") for member in shape.required_members} if shape else set()
    assert needed <= given or not whole, f"{name} needs {needed - given}"


def _assert_make(words: list[str], whole: bool) -> None:
    del whole
    targets = set(re.findall(r"^([a-z0-9 ]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert words[0] in {target for line in targets for target in line.split()}


def _assert_script(words: list[str], whole: bool) -> None:
    del whole
    script = ROOT / words[0]
    assert script.is_file(), words
    known = script.read_text()
    assert all(f'"{word}"' in known for word in words if word.startswith("--"))


CHECKS = {"slipway": _assert_slipway, "aws": _assert_aws, "make": _assert_make, "python": _assert_script}
