"""`slipway models traffic`: how a model's traffic is shared by its versions."""

import re
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from slipway_cli.client import place
from slipway_cli.command import command
from slipway_cli.commands.arguments import ModelId
from slipway_cli.errors import UsageError
from slipway_cli.output import Column, Row, clean, table
from slipway_cli.session import Session

app = typer.Typer(name="traffic", help="See and say how a model's traffic is shared by its versions.", no_args_is_help=True)
_WHOLE = 10_000
_SHARE = re.compile(r"(?P<version>[^=\s]+)=(?P<percent>\d{1,3}(?:\.\d{1,2})?)%?")
_FORM = "Such as 1.0.0=95 1.1.0=5: percent with at most two decimal places, together 100."
Shares = Annotated[list[str] | None, typer.Argument(help="Percent of each version, the one that gives first.", metavar="VERSION=PERCENT")]
_COLUMNS = (
    Column("VERSION", lambda row: Text(clean(row.get("version")), style="bold")),
    Column("SHARE", lambda row: f"{row.get('weight', 0) / 100:g} %", right=True),
    Column("READY", lambda row: clean(row.get("ready")), right=True),
    Column("PROBING", lambda row: clean(row.get("probing")), right=True),
    Column("DRAINING", lambda row: clean(row.get("draining")), right=True),
)


@command(app, "show")
def show(session: Session, model_id: ModelId) -> None:
    """Show how a model's traffic is shared."""
    session.show(place("models", model_id, "traffic"), _traffic)


@command(app, "set", takes=["key", "if_match"])
def set_traffic(
    session: Session,
    model_id: ModelId,
    shares: Shares = None,
    even: Annotated[bool, typer.Option("--even", help="By what ready targets weigh, as if nobody had set shares.")] = False,
) -> None:
    """Share a model's traffic: 1.0.0=95 1.1.0=5."""
    if bool(shares) == even:
        raise UsageError("give shares, or --even", _FORM)
    versions = [parse(text) for text in shares or []]
    if versions and sum(share["weight"] for share in versions) != _WHOLE:
        raise UsageError("the shares do not add up to 100 %", _FORM)
    session.change("PUT", place("models", model_id, "traffic"), {"versions": versions}, _traffic)


def parse(text: str) -> dict[str, Any]:
    """A share from `VERSION=PERCENT`, in parts of 10,000. Raises UsageError."""
    match = _SHARE.fullmatch(text.strip())
    if not match:
        raise UsageError(f"{text!r} is no share", _FORM)
    whole, _, parts = match["percent"].partition(".")
    return {"version": match["version"], "weight": int(whole) * 100 + int(parts.ljust(2, "0"))}


def _traffic(document: Row) -> RenderableType:
    by = "" if document.get("shared_by") == "shares" else ", shared by what ready targets weigh"
    return Group(Text(f"{clean(document.get('model_id'))}: {clean(document.get('state'))}{by}"), table(document["versions"], _COLUMNS))
