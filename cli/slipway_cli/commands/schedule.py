"""`slipway models schedule`: when a model is in service."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from slipway_cli import plans
from slipway_cli.client import place
from slipway_cli.command import CHANGE, command
from slipway_cli.commands.arguments import File, ModelId
from slipway_cli.documents import Document, read
from slipway_cli.errors import UsageError
from slipway_cli.session import Session

app = typer.Typer(name="schedule", help="Say when a model is in service.", no_args_is_help=True)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(r"(?P<days>[a-z,-]+)[ @](?P<opens>\d\d:\d\d)-(?P<closes>\d\d:\d\d)")
_FORM = 'Such as --window "mon-fri 08:00-18:00", "sat,sun 10:00-16:00", "daily 22:00-06:00".'
Window = Annotated[list[str] | None, typer.Option("--window", help="When it is open. Again for more.", metavar="'DAYS HH:MM-HH:MM'")]


@command(app, "set", takes=CHANGE)
def set_schedule(
    session: Session,
    model_id: ModelId,
    time_zone: Annotated[str | None, typer.Option("--time-zone", "-z", help="IANA name, such as Europe/Berlin.")] = None,
    window: Window = None,
    lead_minutes: Annotated[int | None, typer.Option("--lead-minutes", help="How long before a window opens the start begins.")] = None,
    enabled: Annotated[bool | None, typer.Option("--enabled/--disabled", help="Whether it counts.", show_default=False)] = None,
    file: File = None,
) -> None:
    """Set a model's schedule, in place of any that it has: --window "mon-fri 08:00-18:00", or a --file."""
    schedule: Document = read(file) if file else {}
    given = {
        "time_zone": time_zone,
        "windows": [parse(text) for text in window or []] or None,
        "lead_minutes": lead_minutes,
        "enabled": enabled,
    }
    schedule |= {name: value for name, value in given.items() if value is not None}
    if not schedule.get("windows") or not schedule.get("time_zone"):
        raise UsageError("a schedule needs a time zone and at least one window", _FORM)
    session.change("PUT", place("models", model_id, "schedule"), schedule, plans.schedule)


@command(app, "show")
def show_schedule(session: Session, model_id: ModelId) -> None:
    """Show a model's schedule, and what it does next."""
    session.show(place("models", model_id, "schedule"), plans.schedule)


@command(app, "remove", takes=CHANGE)
def remove_schedule(session: Session, model_id: ModelId) -> None:
    """Take a model's schedule away; the model stays as it is."""
    session.change("DELETE", place("models", model_id, "schedule"), view=plans.schedule)


def parse(text: str) -> dict[str, Any]:
    """A window from `DAYS HH:MM-HH:MM`. Raises UsageError."""
    match = _WINDOW.fullmatch(text.strip().lower())
    if not match:
        raise UsageError(f"{text!r} is no window", _FORM)
    return {"days": _days(match["days"], text), "opens": match["opens"], "closes": match["closes"]}


def _days(words: str, text: str) -> list[str]:
    """`mon-wed,sat` as days in the order of the week; `fri-mon` goes over the weekend."""
    found: set[str] = set()
    for word in words.split(","):
        first, _, last = word.partition("-")
        found |= set(_between(first, last or first, DAYS)) if word != "daily" else set(DAYS)
        if not found or (word != "daily" and not {first, last or first} <= set(DAYS)):
            raise UsageError(f"{text!r} names a day that is none: {word}", f"Days are {', '.join(DAYS)}, ranges of them, and daily.")
    return [day for day in DAYS if day in found]


def _between(first: str, last: str, week: Sequence[str]) -> list[str]:
    if first not in week or last not in week:
        return []
    start, length = week.index(first), (week.index(last) - week.index(first)) % len(week)
    return [week[(start + step) % len(week)] for step in range(length + 1)]
