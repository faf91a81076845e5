"""`slipway config`: which platform commands go to, and why."""

import typer

from slipway_cli import views
from slipway_cli.command import command
from slipway_cli.session import Session
from slipway_cli.settings import config_path, profiles

app = typer.Typer(name="config", help="See which platform commands go to.", no_args_is_help=True)


@command(app, "show")
def show(session: Session) -> None:
    """Show where the address and the token come from. No token is shown, not even in part."""
    found = session.settings
    names, default = profiles(session.tools.environ)
    session.output.document(
        {
            "source": found.source,
            "management_url": found.management_url or None,
            "openai_base_url": found.openai_base_url or None,
            "token": "set" if found.token else "not set",
            "openai_api_key": "set" if found.openai_api_key else "not set",
            "config_file": str(config_path(session.tools.environ)),
            "profiles": names,
            "default_profile": default,
        },
        views.generic,
    )
