"""What a person or a program gets to see. Results go to standard output, everything else to standard error."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from slipway_cli.documents import dump_yaml
from slipway_cli.errors import CliError, RefusedError

# What a terminal would act upon, and what turns the direction of writing: names and answers come from others.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_WIDE = 100_000  # nothing is cut or wrapped where no person looks
Row = Mapping[str, Any]


class Format(StrEnum):
    """How results are written."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    YAML = "yaml"


@dataclass(frozen=True)
class Column:
    """A column of a table: its title, and a row's cell (text, styled or not)."""

    title: str
    cell: Callable[[Row], str | Text]
    right: bool = False


def clean(text: object) -> str:
    """A text that cannot command a terminal."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", str(text))


def _console(*, error: bool) -> Console:
    console = Console(stderr=error, highlight=False, markup=False, emoji=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = _WIDE
    return console


@dataclass
class Output:
    """Writes in one format. `quiet`: results and errors only. `verbose`: each request too."""

    format: Format = Format.TABLE
    quiet: bool = False
    verbose: bool = False
    out: Console = field(default_factory=lambda: _console(error=False))
    err: Console = field(default_factory=lambda: _console(error=True))

    @property
    def for_people(self) -> bool:
        """Whether results are tables."""
        return self.format is Format.TABLE

    def document(self, document: Any, view: Callable[[Any], RenderableType]) -> None:
        """One resource."""
        if self.for_people:
            _print(self.out, view(document))
        else:
            self._raw(document)

    def rows(self, pages: Iterable[Mapping[str, Any]], columns: Sequence[Column], empty: str) -> None:
        """A list, page by page; as JSON and YAML one `{"items", "next_token", …}` as the API answers it, as NDJSON an item a line."""
        if self.format is Format.NDJSON:
            for page in pages:
                for item in page["items"]:
                    self._raw(item)
            return
        items: list[Any] = []
        last: Mapping[str, Any] = {}
        for last in pages:
            items += last["items"]
        token = last.get("next_token")
        if not self.for_people:
            self._raw({**last, "items": items, "next_token": token})
        elif items:
            _print(self.out, table(items, columns))
        else:
            self.note(empty)
        if token and self.for_people:
            self.note(f"There is more: --all, or --next-token {token}")

    def line(self, text: Text | str) -> None:
        """A line of the result itself, whatever the format."""
        self.out.print(text if isinstance(text, Text) else Text(clean(text)))

    def entry(self, document: Any) -> None:
        """A document on a line of its own, of a list that has no end."""
        self.raw(_json(document, indent=None) + "\n")

    def raw(self, text: str) -> None:
        """Characters of the result, as they come."""
        self.out.file.write(text)
        self.out.file.flush()

    def note(self, text: Text | str) -> None:
        """Something by the way."""
        if not self.quiet:
            self.err.print(text if isinstance(text, Text) else Text(clean(text), style="dim"))

    def aside(self, renderable: RenderableType) -> None:
        """Something that a person must see before going on."""
        _print(self.err, renderable)

    def trace(self, text: str) -> None:
        """A request, for those who asked to see them."""
        if self.verbose:
            self.err.print(Text(clean(f"· {text}"), style="dim"))

    def error(self, error: CliError) -> None:
        """Why a command ends badly: code, sentence, refused fields, hint, request id. As JSON, the problem document on standard error."""
        if not self.for_people:
            problem = error.problem if isinstance(error, RefusedError) else {"detail": error.message, "hint": error.hint or None}
            self.err.print(Text(_json(problem | {"exit_code": int(error.exit_code)})))
            return
        self.err.print(_error_text(error))

    def _raw(self, document: Any) -> None:
        if self.format is Format.YAML:
            self.raw(dump_yaml(document))
        elif self.format is Format.NDJSON:
            self.entry(document)
        elif self.out.is_terminal:
            self.out.print_json(_json(document), ensure_ascii=False)
        else:
            self.raw(_json(document) + "\n")


def _print(console: Console, renderable: RenderableType) -> None:
    """Print; where no person looks, without the blanks that fill up a last column."""
    if console.is_terminal:
        console.print(renderable)
        return
    with console.capture() as captured:
        console.print(renderable)
    console.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
    console.file.flush()


def table(items: Iterable[Row], columns: Sequence[Column]) -> Table:
    """A table without lines, so that it can be cut apart as well as read."""
    made = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for column in columns:
        made.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    for item in items:
        made.add_row(*(_text(column.cell(item)) for column in columns))
    return made


def facts(pairs: Iterable[tuple[str, str | Text | None]]) -> Table:
    """Names and values below one another; a value that is None is left out."""
    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value is not None:
            made.add_row(name, _text(value))
    return made


def leaves(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a document with its dotted path; lists of plain values count as values."""
    if isinstance(document, Mapping) and document:
        for name, value in document.items():
            yield from leaves(value, f"{path}.{name}" if path else str(name))
    elif isinstance(document, list) and any(isinstance(value, Mapping | list) for value in document):
        for index, value in enumerate(document):
            yield from leaves(value, f"{path}[{index}]")
    else:
        yield path, document


def plain(value: Any) -> str:
    """A value as a person would write it."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(plain(item) for item in value) or "-"
    return str(value) if isinstance(value, str | int | float) else (json.dumps(value, ensure_ascii=False) if value else "-")


def is_terminal() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _text(value: str | Text) -> Text:
    return Text(clean(value)) if isinstance(value, str) else value


def _json(document: Any, indent: int | None = 2) -> str:
    # JSON escapes the C0 controls; the terminal's other ones and half surrogates are escaped here.
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", text)


def _error_text(error: CliError) -> Text:
    text = Text()
    text.append("✗ ", style="bold red")
    if isinstance(error, RefusedError) and error.code:
        text.append(clean(error.code), style="bold red").append(": ")
    text.append(clean(error.message))
    if isinstance(error, RefusedError):
        for refused in error.fields:
            text.append("\n    ").append(clean(refused.get("path") or "(the whole)"), style="bold")
            text.append(f"  {clean(refused.get('message', ''))}").append(f"  {clean(refused.get('code', ''))}", style="dim")
    if error.hint:
        text.append("\n  hint: ", style="cyan").append(clean(error.hint))
    if isinstance(error, RefusedError) and error.request_id:
        text.append(f"\n  HTTP {error.status} · request {clean(error.request_id)}", style="dim")
    return text
