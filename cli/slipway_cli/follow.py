"""Watching what goes on: an operation to its end, a timeline for as long as one likes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from slipway_cli.client import Api, place
from slipway_cli.errors import CliError, UnfinishedError, UnreachableError
from slipway_cli.formats import duration
from slipway_cli.output import Output, clean

ENDS = frozenset({"Succeeded", "Failed", "Superseded", "Cancelled"})
FIRST_DELAY_SECONDS = 0.4
LONGEST_DELAY_SECONDS = 5.0
GROWTH = 1.5
Operation = Mapping[str, Any]


@dataclass
class Follower:
    """Asks for an operation, ever more rarely while nothing happens, until it has ended."""

    api: Api
    output: Output
    sleep: Callable[[float], None]
    monotonic: Callable[[], float]

    def wait(self, operation_id: str, timeout: float | None = None) -> Operation:
        """The operation as it ended. Raises UnfinishedError after `timeout` seconds, UnreachableError, RefusedError."""
        started, delay = self.monotonic(), FIRST_DELAY_SECONDS
        seen: Operation = {}
        with self._display() as display:
            while True:
                operation = self._read(operation_id)
                if _stage(operation) != _stage(seen):
                    seen, delay = operation, FIRST_DELAY_SECONDS
                display(operation)
                if operation.get("status") in ENDS:
                    break
                if timeout is not None and self.monotonic() - started + delay > timeout:
                    sentence = f"operation {operation_id} goes on after {duration(timeout)}: {describe(operation)}"
                    raise UnfinishedError(sentence, _resume(operation_id))
                self.sleep(delay)
                delay = min(delay * GROWTH, LONGEST_DELAY_SECONDS)
        if self.output.for_people:
            self._told(operation, self.monotonic() - started)
        return operation

    def _read(self, operation_id: str) -> Operation:
        try:
            found = self.api.request("GET", place("operations", operation_id)).body
        except UnreachableError as error:
            raise UnreachableError(error.message, f"The operation goes on by itself. {_resume(operation_id)}") from error
        return found if isinstance(found, dict) else {}

    def _told(self, operation: Operation, seconds: float) -> None:
        good = operation.get("status") == "Succeeded"
        text = Text("✓ " if good else "✗ ", style="green" if good else "red")
        text.append(clean(f"{operation.get('kind', 'operation')} {operation.get('model_id', '')}"), style="bold")
        text.append(clean(f" {str(operation.get('status')).lower()}"), style="default").append(f" after {duration(seconds)}", style="dim")
        self.output.line(text)

    @contextmanager
    def _display(self) -> Iterator[Callable[[Operation], None]]:
        """A bar on a terminal, a line a change elsewhere, nothing if quiet."""
        if self.output.quiet:
            yield lambda _operation: None
        elif self.output.err.is_terminal:
            yield from _bar(self.output)
        else:
            yield _lines(self.output)


def _bar(output: Output) -> Iterator[Callable[[Operation], None]]:
    words, share_column = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[share]}")
    columns = (SpinnerColumn(), words, BarColumn(bar_width=30), share_column, TimeElapsedColumn())
    with Progress(*columns, console=output.err, transient=True) as progress:
        task: TaskID = progress.add_task("asking …", total=None, share="")

        def display(operation: Operation) -> None:
            share = operation.get("progress")
            known = isinstance(share, int | float)
            told = f"{share:.0%}" if known else ""
            progress.update(
                task, description=describe(operation), total=1.0 if known else None, completed=share if known else 0, share=told
            )

        yield display


def _lines(output: Output) -> Callable[[Operation], None]:
    last: list[object] = []

    def display(operation: Operation) -> None:
        now = describe(operation), _stage(operation)[2]
        if last != [now]:
            last[:] = [now]
            share = operation.get("progress")
            output.note(describe(operation) + (f" {share:.0%}" if isinstance(share, int | float) else ""))

    return display


def describe(operation: Operation) -> str:
    """What is being done, and at what point it is: `create parrot: loading`."""
    point = operation.get("phase") or str(operation.get("status", "")).lower()
    return clean(f"{operation.get('kind', 'operation')} {operation.get('model_id', '')}: {point}")


def check(operation: Operation, wanted: str = "Succeeded") -> None:
    """Raises CliError with the operation's own reason unless it ended as wanted."""
    if operation.get("status") == wanted:
        return
    reason = operation.get("reason") or {}
    code, message = reason.get("code"), reason.get("message")
    sentence = f"{code}: {message}" if code else f"operation {operation.get('operation_id')} ended {str(operation.get('status')).lower()}"
    raise CliError(sentence, str(reason.get("hint") or ""))


def _stage(operation: Operation) -> tuple[object, object, int | None]:
    """What counts as a change: status, phase, tenths of progress."""
    share = operation.get("progress")
    return operation.get("status"), operation.get("phase"), int(share * 10) if isinstance(share, int | float) else None


def _resume(operation_id: str) -> str:
    return f"Go on watching with: slipway operations wait {operation_id}"


def new_entries(api: Api, path: str, last: int) -> list[dict[str, Any]]:
    """A timeline's entries after revision `last`, oldest first."""
    found: list[dict[str, Any]] = []
    for page in api.pages(path, {"order": "desc"}):
        for entry in page["items"]:
            if entry["revision"] <= last:
                return found[::-1]
            found.append(entry)
    return found[::-1]


def timeline(api: Api, path: str, last: int, sleep: Callable[[float], None]) -> Iterator[dict[str, Any]]:
    """Every entry after revision `last`, as they come, without end: asked for often while much happens, every 5 s while nothing does."""
    delay = FIRST_DELAY_SECONDS
    while True:
        entries = new_entries(api, path, last)
        for entry in entries:
            last = max(last, int(entry["revision"]))
            yield entry
        delay = FIRST_DELAY_SECONDS if entries else min(delay * GROWTH, LONGEST_DELAY_SECONDS)
        sleep(delay)
