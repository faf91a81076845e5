"""`slipway limits`: how much tokens, groups and models may use."""

import re
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from slipway_cli import views
from slipway_cli.client import place
from slipway_cli.command import command
from slipway_cli.commands.arguments import File
from slipway_cli.documents import Document, read
from slipway_cli.errors import UsageError
from slipway_cli.formats import ago, clock
from slipway_cli.output import Column, Row, clean, table
from slipway_cli.session import Session

app = typer.Typer(name="limits", help="Limit what tokens, groups and models may use.", no_args_is_help=True)
_BUDGET = re.compile(r"(?P<amount>\d+(?:\.\d{1,6})?)(?P<unit>usd|tokens)/(?P<period>day|month)")
_FORM = "Such as --budget 250usd/month, --budget 2000000tokens/day."
Kind = Annotated[str, typer.Argument(help="token, group or model.", metavar="KIND", show_default=False)]
SubjectId = Annotated[str, typer.Argument(help="The token's id, the group's name or the model's id.", metavar="ID", show_default=False)]
Number = int | None
_LIST = (
    Column("KIND", lambda row: clean(row.get("kind"))),
    Column("ID", lambda row: Text(clean(row.get("subject_id")), style="bold")),
    Column("REQUESTS/MIN", lambda row: _number(row.get("requests_per_minute")), right=True),
    Column("TOKENS/MIN", lambda row: _number(row.get("tokens_per_minute")), right=True),
    Column("CONCURRENCY", lambda row: _number(row.get("concurrency")), right=True),
    Column("BUDGETS", lambda row: ", ".join(_budget(budget) for budget in row.get("budgets") or [])),
    Column("CHANGED", lambda row: f"{ago(row.get('updated_at'))} by {clean(row.get('updated_by'))}"),
)
_PERIODS = (
    Column("BUDGET", lambda row: _amount(row.get("budget"), row)),
    Column("SPENT", lambda row: _amount(row.get("spent"), row), right=True),
    Column("RESERVED", lambda row: _amount(row.get("reserved"), row), right=True),
    Column("LEFT", lambda row: _amount(row.get("left"), row), right=True),
    Column("UNTIL", lambda row: clock(row.get("ends_at"))),
)


@command(app, "set", takes=["key", "if_match"])
def set_limits(
    session: Session,
    kind: Kind,
    subject_id: SubjectId,
    requests_per_minute: Annotated[Number, typer.Option("--requests-per-minute", "--rpm", min=1, help="Over all routers.")] = None,
    tokens_per_minute: Annotated[Number, typer.Option("--tokens-per-minute", "--tpm", min=1, help="In and out together.")] = None,
    concurrency: Annotated[Number, typer.Option("--concurrency", min=1, help="Requests under way at a time.")] = None,
    max_tokens: Annotated[Number, typer.Option("--max-tokens", min=1, help="The most that one request may ask for.")] = None,
    max_choices: Annotated[Number, typer.Option("--max-choices", min=1, help="The most answers (n) of one request.")] = None,
    budget: Annotated[list[str] | None, typer.Option("--budget", help="Again for more.", metavar="AMOUNT/PERIOD")] = None,
    file: File = None,
) -> None:
    """Limit a token, a group or a model, in place of any limits that it has: --rpm 60 --budget 250usd/month, or a --file."""
    limits: Document = read(file) if file else {}
    given = {
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": tokens_per_minute,
        "concurrency": concurrency,
        "max_tokens": max_tokens,
        "max_choices": max_choices,
        "budgets": [parse(text) for text in budget or []] or None,
    }
    limits |= {name: value for name, value in given.items() if value is not None}
    if not limits:
        raise UsageError("nothing is limited by that", f"{_FORM} To limit no longer: slipway limits remove {kind} {subject_id}")
    session.change("PUT", place("limits", kind, subject_id), limits)


@command(app, "show")
def show(session: Session, kind: Kind, subject_id: SubjectId) -> None:
    """Show limits, and what is spent and left of each budget."""
    session.show(place("limits", kind, subject_id), _limits)


@command(app, "list", takes=["page"])
def list_limits(session: Session, kind: Annotated[str | None, typer.Option("--kind", help="Only token, group or model.")] = None) -> None:
    """List what is limited."""
    session.rows("/limits", _LIST, "Nothing is limited.", {"kind": kind})


@command(app, "remove", takes=["key", "if_match", "yes"])
def remove(session: Session, kind: Kind, subject_id: SubjectId) -> None:
    """Limit a token, a group or a model no longer."""
    session.agree(f"Remove the limits of {kind} {subject_id}? Nothing bounds what it uses then.")
    session.change("DELETE", place("limits", kind, subject_id))


def parse(text: str) -> dict[str, Any]:
    """A budget from `AMOUNT/PERIOD`, the amount with its unit. Raises UsageError."""
    match = _BUDGET.fullmatch(text.strip().lower())
    if not match or (match["unit"] == "tokens" and "." in match["amount"]):
        raise UsageError(f"{text!r} is no budget", _FORM)
    amount = float(match["amount"]) if match["unit"] == "usd" else int(match["amount"])
    return {"period": match["period"], match["unit"]: amount}


def _limits(document: Row) -> RenderableType:
    rest = {name: value for name, value in document.items() if name not in {"periods", "budgets"} and value is not None}
    periods = document.get("periods") or []
    return Group(views.generic(rest), "", table(periods, _PERIODS)) if periods else views.generic(rest)


def _number(value: object) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else clean(value)


def _budget(budget: Row) -> str:
    unit = "usd" if budget.get("usd") is not None else "tokens"
    return f"{_amount(budget.get(unit), {'unit': unit})}/{clean(budget.get('period'))}"


def _amount(value: object, row: Row) -> str:
    if not isinstance(value, int | float):
        return clean(value)
    return f"${value:,.2f}" if row.get("unit") == "usd" else f"{value:,.0f} tokens"
