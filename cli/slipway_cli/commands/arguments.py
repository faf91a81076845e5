"""Arguments that several commands take, and what a shell may complete them to."""

from typing import Annotated, Any

import typer

from slipway_cli.errors import CliError
from slipway_cli.session import Options, Session, Tools

COMPLETION_LIMIT = "100"


def _models(ctx: typer.Context, incomplete: str) -> list[str]:
    """Ids of models that begin so. Completion never fails and never asks: it has nothing to offer then."""
    tools = ctx.obj if isinstance(ctx.obj, Tools) else Tools()
    given = {name: ctx.params[name] for name in ("profile", "env_file") if ctx.params.get(name)}
    session = Session(Options(**given, quiet=True), tools)
    try:
        if not session.settings.token:
            return []
        query: dict[str, Any] = {"prefix": incomplete, "limit": COMPLETION_LIMIT}
        page = next(iter(session.pages("/models", query)))
        return [str(model["model_id"]) for model in page["items"]]
    except (CliError, KeyError, OSError):
        return []


ModelId = Annotated[str, typer.Argument(help="The model.", metavar="MODEL", autocompletion=_models, show_default=False)]
OptionalModelId = Annotated[str | None, typer.Argument(help="The model.", metavar="MODEL", autocompletion=_models, show_default=False)]
OperationId = Annotated[
    str, typer.Argument(help="The operation, as the answer to a command named it.", metavar="OPERATION", show_default=False)
]
TokenId = Annotated[str, typer.Argument(help="The token's id; not the token.", metavar="TOKEN-ID", show_default=False)]
Version = Annotated[str, typer.Argument(help="The version.", metavar="VERSION", show_default=False)]
File = Annotated[str | None, typer.Option("--file", "-f", help="JSON or YAML; - is standard input.", metavar="FILE", show_default=False)]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="Set any field: a JSON value, or a text.", metavar="PATH=VALUE", show_default=False)
]
SetText = Annotated[list[str] | None, typer.Option("--set-text", help="Set any field to a text.", metavar="PATH=TEXT", show_default=False)]
Unset = Annotated[list[str] | None, typer.Option("--unset", help="Give any field its default back.", metavar="PATH", show_default=False)]
