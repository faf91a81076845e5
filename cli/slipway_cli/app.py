"""The command line as a whole."""

import io
import sys
from typing import Annotated

import typer

from slipway_cli import __version__
from slipway_cli.command import command
from slipway_cli.commands import config, limits, models, operations, platform, schedule, tokens, traffic, users, versions
from slipway_cli.commands.ask import ask
from slipway_cli.commands.usage import usage

HELP = """Slipway launches, runs and retires large language models.

Where to: MANAGEMENT_URL and ADMIN_TOKEN in the environment, --env-file .local/env, or a --profile of ~/.config/slipway/config.toml.
"""
EPILOG = (
    "Exit codes: 0 done · 1 the operation failed · 2 the command makes no sense · 3 refused · 4 refused until acknowledged · "
    "5 unreachable or out of order · 6 not ended within --timeout · 130 interrupted"
)
app = typer.Typer(
    name="slipway",
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,  # a traceback with locals would show tokens
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
models.app.add_typer(schedule.app)
models.app.add_typer(users.app)
models.app.add_typer(traffic.app)
for group in (models.app, operations.app, versions.app, tokens.app, limits.app, platform.instances, platform.api, config.app):
    app.add_typer(group)
command(app, "ask")(ask)
command(app, "audit", takes=["page"])(platform.audit)
command(app, "usage", takes=["page"])(usage)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"slipway {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)] = False,
) -> None:
    """See HELP."""


root.__doc__ = HELP


def main() -> None:
    """The program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character gets a question mark, not a traceback
    app()
