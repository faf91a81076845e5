"""Commands that pages name, and whether they exist: ours by the command line's own definition, AWS's by the API's."""

import re
import shlex
from functools import cache
from typing import Any

import botocore.session
import typer
from botocore import xform_name
from typer.core import TyperGroup

from scripts.template import ROOT
from slipway_cli.app import app

# Every refusal of the command line's parser, whose module is typer's own affair.
REFUSED: type[BaseException] = typer.BadParameter.__mro__[1]

# Options of the aws command line itself, beside those of an operation.
_GLOBAL_OPTIONS = {"query", "output", "region", "profile", "endpoint-url", "no-cli-pager", "cli-binary-format"}
# What the aws command line does by itself, and what it calls otherwise than the API.
_OWN_COMMANDS = {("ecr", "get-login-password")}
_OTHER_NAMES = {"s3api": "s3"}
_NAME_ALONE = 3  # words: `aws sqs delete-message`
_ENDS = {"|", ">"}  # behind these another program begins, or a file


def commands_in(text: str) -> list[tuple[bool, list[str]]]:
    """Those of a page, each with whether it is whole: lines of its shell blocks, lines that are indented or begin with `$`, and what stands
    between backquotes in its text (there, a name alone will do)."""
    plain = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines = shell_lines(text) + re.findall(r"^\$ (.*)$", text, re.MULTILINE) + re.findall(r"^    (.*)$", plain, re.MULTILINE)
    mentioned = [(len(words.split()) > _NAME_ALONE, words) for words in re.findall(r"`([^`\n]+)`", plain)]
    ours = re.compile(rf"({'|'.join(CHECKS)}) [a-z-]")
    return [(whole, _words(line)) for whole, line in [(True, line) for line in lines] + mentioned if ours.match(line)]


def shell_lines(text: str) -> list[str]:
    """What stands in the shell blocks of a page, but for empty lines."""
    blocks: list[str] = re.findall(r"^```sh[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def _words(line: str) -> list[str]:
    words = shlex.split(line, comments=True)
    return words[: next((place for place, word in enumerate(words) if word in _ENDS), None)]


def assert_exists(command: list[str], *, whole: bool = True) -> None:
    """Program, verb and each option; AssertionError, KeyError or `REFUSED`. Unless it is `whole`, what it needs may be missing."""
    CHECKS[command[0]](command[1:], whole)


def _assert_slipway(words: list[str], whole: bool) -> None:
    command: Any = typer.main.get_command(app)
    path = []
    while isinstance(command, TyperGroup):
        if not words and not whole:
            return
        if words[0] in {option for parameter in command.params for option in parameter.opts}:
            return  # as `--install-completion`
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
    if (service, name) in _OWN_COMMANDS:
        return
    operation = _operations(_OTHER_NAMES.get(service, service))[name]
    shape = operation.input_shape
    members = {xform_name(member, "-"): member for member in shape.members} if shape else {}
    given = {word.removeprefix("--").removeprefix("no-") for word in rest if word.startswith("--")}
    assert given - members.keys() - _GLOBAL_OPTIONS == set()
    needed = {xform_name(member, "-") for member in shape.required_members} if shape else set()
    assert needed <= given or not whole, f"{name} needs {needed - given}"


def _assert_make(words: list[str], whole: bool) -> None:
    del whole
    targets = set(re.findall(r"^([a-z0-9][a-z0-9 -]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert words[0] in {target for line in targets for target in line.split()}


def _assert_script(words: list[str], whole: bool) -> None:
    del whole
    script = ROOT / (f"{words[1].replace('.', '/')}.py" if words[0] == "-m" else words[0])
    assert script.is_file(), words
    known = script.read_text()
    assert all(f'"{word}"' in known for word in words if word.startswith("--"))


CHECKS = {"slipway": _assert_slipway, "aws": _assert_aws, "make": _assert_make, "python": _assert_script}
