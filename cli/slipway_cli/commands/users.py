"""`slipway models users`: what depends on a model, and keeps it from being deleted."""

from typing import Annotated

import typer
from rich.console import RenderableType

from slipway_cli.client import place
from slipway_cli.command import command
from slipway_cli.commands.arguments import ModelId
from slipway_cli.formats import ago
from slipway_cli.output import Column, Row, clean, table
from slipway_cli.session import Session

app = typer.Typer(name="users", help="See and say what depends on a model.", no_args_is_help=True)
_COLUMNS = (
    Column("KIND", lambda row: clean(row.get("kind"))),
    Column("ID", lambda row: clean(row.get("user_id"))),
    Column("NAME", lambda row: clean(row.get("name"))),
    Column("SINCE", lambda row: ago(row.get("since"))),
    Column("BY", lambda row: clean(row.get("by"))),
)
Kind = Annotated[str, typer.Argument(help="rollout, repository, alias or application.", show_default=False)]
Name = Annotated[str, typer.Option("--name", help="What people call it.")]
UserId = Annotated[str, typer.Argument(help="Its id.", metavar="ID", show_default=False)]


@command(app, "list")
def list_users(session: Session, model_id: ModelId) -> None:
    """List what depends on a model; while anything does, it is not deleted."""
    session.show(place("models", model_id, "users"), _users)


@command(app, "add", takes=["key"])
def add(session: Session, model_id: ModelId, kind: Kind, user_id: UserId, name: Name = "") -> None:
    """Say that something depends on a model."""
    session.change("PUT", place("models", model_id, "users", kind, user_id), {"name": name}, _users)


@command(app, "remove", takes=["key"])
def remove(session: Session, model_id: ModelId, kind: Kind, user_id: UserId) -> None:
    """Say that something depends on a model no longer."""
    session.change("DELETE", place("models", model_id, "users", kind, user_id), view=_users)


def _users(document: Row) -> RenderableType:
    return table(document.get("items") or [], _COLUMNS)
