"""Documents that people hand over: JSON and YAML files, `path=value` words, and how the two become one merge patch."""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from slipway_cli.errors import UsageError

Document = dict[str, Any]
_PART = re.compile(r"(?<!\\)\.")


TURNING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that turn the direction of writing: what follows them is not read as it is written."""


class _Dumper(yaml.SafeDumper):
    """YAML whose texts are quoted where they hold something that must be escaped."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if TURNING.search(text) else None)


_Dumper.add_representer(str, _represent_text)


class _Loader(yaml.SafeLoader):
    """YAML with JSON's idea of scalars: 18:00 is a text and not 1080, `no` is a text and not false, dates are texts."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|)$", ["~", "n", ""]),
    ("bool", r"^(?:true|false)$", list("tf")),
    ("int", r"^-?(?:0|[1-9][0-9]*)$", list("-0123456789")),
    ("float", r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$", list("-0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def read(source: str) -> Document:
    """The object in a JSON or YAML file; `-` is standard input. Raises UsageError."""
    text = sys.stdin.read() if source == "-" else _file(Path(source))
    name = "standard input" if source == "-" else source
    is_json = source.endswith(".json") or text.lstrip()[:1] == "{"
    document = (_json if is_json else _yaml)(text, name)
    if not isinstance(document, dict):
        raise UsageError(f'{name} holds no object, such as {{"model_id": …}}')
    return document


def dump_yaml(document: Any) -> str:
    """YAML that every YAML reader understands alike, keys in the order given."""
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return TURNING.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def assign(document: Document, words: Iterable[str], *, text: bool = False) -> None:
    """Set each `path=value` in the document. A value that is JSON is taken as JSON, any other, or each if `text`, as a text."""
    for word in words:
        path, equals, value = word.partition("=")
        if not equals or not path:
            raise UsageError(f"{word!r} is not path=value", "Such as --set capacity.max=4 or --set 'tags.team=\"ml\"'.")
        put(document, path, value if text else _value(value))


def put(document: Document, path: str, value: Any) -> None:
    r"""Set one field by its dotted path; a dot within a name is written `\.`. Raises UsageError where the path leads through a value."""
    *above, last = [part.replace(r"\.", ".") for part in _PART.split(path)]
    if not all((*above, last)):
        raise UsageError(f"{path!r} is no dotted path")
    for part in above:
        below = document.setdefault(part, {})
        if not isinstance(below, dict):
            raise UsageError(f"{path} leads through {part}, which is a value already")
        document = below
    document[last] = value


def pairs(words: Iterable[str], option: str) -> dict[str, str]:
    """`key=value` words as a mapping of texts."""
    split = [word.partition("=") for word in words]
    if wrong := next((name for name, equals, _ in split if not (name and equals)), None):
        raise UsageError(f"{option} takes key=value, not {wrong!r}")
    return {name: value for name, _, value in split}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}") from error


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"{name} is not JSON: {error}") from error


def _yaml(text: str, name: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UsageError(f"{name} is not YAML{where}: {getattr(error, 'problem', None) or error}") from error
