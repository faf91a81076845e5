"""`slipway versions`: immutable versions of models, and the evidence that they may be served."""

import typer

from slipway_cli import records
from slipway_cli.client import place
from slipway_cli.command import command
from slipway_cli.commands.arguments import ModelId, Version
from slipway_cli.session import Session

app = typer.Typer(name="versions", help="Read models' versions.", no_args_is_help=True)


@command(app, "list", takes=["page"])
def list_versions(session: Session, model_id: ModelId) -> None:
    """List a model's versions."""
    session.rows(place("models", model_id, "versions"), records.VERSIONS, "No versions.")


@command(app, "show")
def show(session: Session, model_id: ModelId, version: Version) -> None:
    """Show one version, its files and what was checked."""
    session.show(place("models", model_id, "versions", version), records.version)
