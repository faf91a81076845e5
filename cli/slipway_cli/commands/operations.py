"""`slipway operations`: following what was accepted."""

from typing import Annotated

import typer

from slipway_cli import views
from slipway_cli.client import place
from slipway_cli.command import command
from slipway_cli.commands.arguments import OperationId
from slipway_cli.session import Session

app = typer.Typer(name="operations", help="Follow what was accepted, and cancel it.", no_args_is_help=True)


@command(app, "show")
def show(session: Session, operation_id: OperationId) -> None:
    """Show how an operation fares."""
    session.show(place("operations", operation_id), views.operation)


@command(app, "wait")
def wait(
    session: Session,
    operation_id: OperationId,
    seconds: Annotated[
        float | None, typer.Option("--timeout", help="How long to wait at most; the operation goes on.", metavar="SECONDS", min=0)
    ] = None,
) -> None:
    """Follow an operation to its end. Exit code 0 if it succeeded, 1 if not, 6 if it goes on."""
    session.follow(operation_id, timeout=seconds)


@command(app, "cancel", takes=["wait", "key"])
def cancel(session: Session, operation_id: OperationId) -> None:
    """Stop a running operation. With --wait, exit code 0 means that it was cancelled."""
    session.change("POST", place("operations", operation_id, "cancel"), wanted="Cancelled")
