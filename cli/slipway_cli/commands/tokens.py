"""`slipway tokens`: who may do what."""

import os
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from slipway_cli import records, views
from slipway_cli.api_types.access import IssueTokenScopes
from slipway_cli.client import place
from slipway_cli.command import command
from slipway_cli.commands.arguments import TokenId
from slipway_cli.errors import UsageError
from slipway_cli.session import Session

app = typer.Typer(name="tokens", help="Issue, read and revoke API tokens.", no_args_is_help=True)
SCOPES: tuple[str, ...] = get_args(IssueTokenScopes)


def _scopes(incomplete: str) -> list[str]:
    return [scope for scope in SCOPES if scope.startswith(incomplete)]


@command(app, "issue", takes=["key"])
def issue(
    session: Session,
    name: Annotated[str, typer.Argument(help="What it is for.", show_default=False)],
    group: Annotated[list[str] | None, typer.Option("--group", "-g", help="A group that it is in. Again for more.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", "-s", help=f"What it may do. Again for more. One of {', '.join(SCOPES)}.", autocompletion=_scopes),
    ] = None,
    model: Annotated[list[str] | None, typer.Option("--model", "-m", help="Restrict it to this model. Again for more.")] = None,
    expires_in_days: Annotated[
        int | None, typer.Option("--expires-in-days", help="Days until it is worth nothing.", min=1, max=366)
    ] = None,
    never_expires: Annotated[bool, typer.Option("--never-expires", help="For administrators only.")] = False,
    save: Annotated[
        Path | None, typer.Option("--save", help="Put the token into this new file, for you alone to read, and do not print it.")
    ] = None,
) -> None:
    """Issue an API token. The token itself is shown this once."""
    if never_expires and expires_in_days is not None:
        raise UsageError("--never-expires and --expires-in-days contradict each other")
    given = {"name": name, "groups": group, "scopes": scope, "models": model, "expires_in_days": expires_in_days}
    body: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    if never_expires:
        body["expires_in_days"] = None
    if save and save.exists():
        raise UsageError(f"{save} exists; a token is never written over anything")
    issued = session.send("POST", "/tokens", body)
    if save and isinstance(issued, dict) and "token" in issued:
        _write(save, str(issued.pop("token")))
        session.output.note(f"The token is in {save}.")
    session.answer(issued, _issued)


@command(app, "list", takes=["page"])
def list_tokens(session: Session) -> None:
    """List tokens, without the tokens themselves."""
    session.rows("/tokens", records.TOKENS, "No tokens.")


@command(app, "show")
def show(session: Session, token_id: TokenId) -> None:
    """Show what a token may do."""
    session.show(place("tokens", token_id), views.generic)


@command(app, "revoke", takes=["key", "yes"])
def revoke(session: Session, token_id: TokenId) -> None:
    """Revoke a token, from now on and everywhere."""
    session.agree(f"Revoke {token_id}? Whoever uses it is locked out.")
    session.change("DELETE", place("tokens", token_id))


def _issued(document: dict[str, Any]) -> RenderableType:
    if "token" not in document:
        return views.generic(document)
    rest = {name: value for name, value in document.items() if name != "token"}
    line = Text(str(document["token"]), style="bold green")
    return Group(line, Text("Keep it now: it is not shown again.", style="yellow"), "", views.generic(rest))


def _write(path: Path, token: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(token + "\n")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; the token is lost, revoke it") from error
