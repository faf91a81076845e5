"""What is about the platform as a whole: instance types, the audit, the API itself."""

import json
from typing import Annotated, Any

import typer

from slipway_cli import plans, records, views
from slipway_cli.command import command
from slipway_cli.documents import pairs, read
from slipway_cli.errors import UsageError
from slipway_cli.output import Format
from slipway_cli.session import Session

instances = typer.Typer(name="instances", help="What models can run on.", no_args_is_help=True)
api = typer.Typer(name="api", help="The management API itself.", no_args_is_help=True)


@command(instances, "list", takes=["page"])
def list_instances(
    session: Session,
    gpus_min: Annotated[int | None, typer.Option("--gpus-min", help="Only with so many GPUs at least.", min=1)] = None,
    memory_min: Annotated[
        float | None, typer.Option("--memory-min", help="Only with so many GiB of GPU memory at least, all together.")
    ] = None,
    family: Annotated[str | None, typer.Option("--family", help="Only of this family, such as g6e.")] = None,
    fits_model: Annotated[str | None, typer.Option("--fits-model", help="Only those that hold this model, with the verdict.")] = None,
    offered: Annotated[
        bool | None, typer.Option("--offered/--not-offered", help="Only what the region has, or lacks.", show_default=False)
    ] = None,
) -> None:
    """List instance types with GPUs: accelerators, memory, price, whether the region has them, and what the quota leaves."""
    query = {"gpus_min": gpus_min, "memory_min": memory_min, "family": family, "fits_model": fits_model, "offered": offered}
    columns = plans.INSTANCES if fits_model else plans.INSTANCES[:-1]
    session.rows("/instances", columns, "No instance types.", query | {"offered": None if offered is None else str(offered).lower()})


def audit(
    session: Session,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Only of this model.")] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only by this principal, such as token:… or oidc:….")] = None,
    event_type: Annotated[str | None, typer.Option("--event-type", help="Only these events, such as ModelUpdated.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Only from this time on (RFC 3339).")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only before this time (RFC 3339).")] = None,
    order: Annotated[str | None, typer.Option("--order", help="asc or desc.")] = None,
) -> None:
    """Show who did what, over all models. `--all --output ndjson` exports everything, an entry a line."""
    query = {"model_id": model, "actor": actor, "event_type": event_type, "since": since, "until": until, "order": order}
    session.rows("/audit", records.AUDIT, "Nothing was done.", query)


@command(api, "document")
def document(session: Session) -> None:
    """Print the API's own document (OpenAPI 3.1)."""
    session.output.raw(json.dumps(session.api.request("GET", "/openapi.json").body, indent=2, ensure_ascii=False) + "\n")


@command(api, "call", takes=["key", "if_match"])
def call(
    session: Session,
    method: Annotated[str, typer.Argument(help="GET, POST, PUT, PATCH or DELETE.", show_default=False)],
    path: Annotated[str, typer.Argument(help="Such as /models/parrot.", show_default=False)],
    file: Annotated[str | None, typer.Option("--file", "-f", help="The body, JSON or YAML; - is standard input.")] = None,
    query: Annotated[list[str] | None, typer.Option("--query", help="A query parameter.", metavar="NAME=VALUE")] = None,
) -> None:
    """Send any request, with the token, the retries and the errors of every other command."""
    verb = method.upper()
    if verb not in {"GET", "POST", "PUT", "PATCH", "DELETE"} or not path.startswith("/"):
        raise UsageError(f"{method} {path} is no request", "Such as: slipway api call GET /models/parrot")
    answer: Any = session.api.request(
        verb,
        path,
        query=pairs(query or [], "--query"),
        body=read(file) if file else None,
        key=None if verb == "GET" else session.key,
        if_match=session.options.if_match,
    ).body
    if session.output.for_people:
        session.output.format = Format.JSON
    session.output.document(answer, views.generic)
