"""`slipway models`: wishing for models, reading them, changing them."""

from typing import Annotated, Any

import typer

from slipway_cli import plans, records, spec, views
from slipway_cli.api_types.endpoints import ListModelEventsOrder, ListModelsHosting, ListModelsOrder, ListModelsStatus
from slipway_cli.client import place
from slipway_cli.command import CHANGE, command
from slipway_cli.commands.arguments import File, ModelId, OptionalModelId, Set, SetText, Unset
from slipway_cli.errors import UsageError
from slipway_cli.follow import timeline
from slipway_cli.output import Format
from slipway_cli.session import Session

app = typer.Typer(name="models", help="Wish for models, read, change, start, stop and delete them.", no_args_is_help=True)


@command(app, "list", takes=["page"])
def list_models(
    session: Session,
    status: Annotated[ListModelsStatus | None, typer.Option("--status", "-s", help="Only of this status.")] = None,
    hosting: Annotated[ListModelsHosting | None, typer.Option("--hosting", help="Only those of ours, or of third parties.")] = None,
    group: Annotated[str | None, typer.Option("--group", "-g", help="Only those that this group may use.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only with this tag.", metavar="KEY[=VALUE]")] = None,
    prefix: Annotated[str | None, typer.Option("--prefix", help="Only those whose id begins so.")] = None,
    order: Annotated[ListModelsOrder | None, typer.Option("--order", help="By id, rising or falling.")] = None,
) -> None:
    """List the models that you may see."""
    query = {"status": status, "hosting": hosting, "group": group, "tag": tag, "prefix": prefix, "order": order}
    session.rows("/models", views.MODELS, "No models.", query)


@command(app, "show")
def show(session: Session, model_id: ModelId) -> None:
    """Show a model: what was asked for, and what became of it."""
    session.show(place("models", model_id), views.model)


@command(app, "create", takes=["spec", "wait", "dry_run", "key"])
def create(
    session: Session,
    model_id: OptionalModelId = None,
    file: File = None,
    set_: Set = None,
    set_text: SetText = None,
    *,
    fields: dict[str, Any],
) -> None:
    """Ask for a model to be in service: from a file, from flags, or from both.

    Flags win over the file. With --dry-run you learn whether it fits and what it costs.
    """
    document = spec.complete(spec.patch(fields, file=file, set_=set_ or [], set_text=set_text or [], unset=[]), model_id)
    if "model_id" not in document:
        raise UsageError("a new model needs an id", "slipway models create MODEL …, or model_id in --file")
    session.change("POST", "/models", document)


@command(app, "update", takes=["spec", *CHANGE, "acknowledge", "yes"])
def update(
    session: Session,
    model_id: ModelId,
    file: File = None,
    set_: Set = None,
    set_text: SetText = None,
    unset: Unset = None,
    *,
    fields: dict[str, Any],
) -> None:
    """Change a model. Only what you name changes; --file holds a merge patch, in which null gives a field its default back.

    A change that restarts containers is shown with its consequences first, and carried out when you agree: at the prompt, with --yes,
    or with the --acknowledge that the refusal named (exit code 4).
    """
    changes = spec.patch(fields, file=file, set_=set_ or [], set_text=set_text or [], unset=unset or [])
    if not changes:
        raise UsageError("nothing to change was named", "Such as --set capacity.max=4, --description …, or --file changes.yaml")
    session.change("PATCH", place("models", model_id), changes)


@command(app, "plan", takes=["spec"])
def plan(
    session: Session,
    model_id: OptionalModelId = None,
    new: Annotated[bool, typer.Option("--new", help="Of a model that there is not yet.")] = False,
    file: File = None,
    set_: Set = None,
    set_text: SetText = None,
    unset: Unset = None,
    *,
    fields: dict[str, Any],
) -> None:
    """Say what a change, or a --new model, would do and cost, and whether it fits, with the arithmetic. Nothing is changed."""
    document = spec.patch(fields, file=file, set_=set_ or [], set_text=set_text or [], unset=unset or [])
    if not new and model_id is None:
        raise UsageError("name the model that would be changed, or say --new")
    body = {"model": spec.complete(document, model_id)} if new else {"model_id": model_id, "changes": document}
    session.output.document(session.api.request("POST", "/models/plan", body=body, harmless=True).body, plans.plan)


@command(app, "start", takes=CHANGE)
def start(session: Session, model_id: ModelId) -> None:
    """Bring a stopped model back into service."""
    session.change("POST", place("models", model_id, "start"))


@command(app, "stop", takes=CHANGE)
def stop(session: Session, model_id: ModelId) -> None:
    """Take a model out of service: its streams end in peace, its copies are given back, the wish stays."""
    session.change("POST", place("models", model_id, "stop"))


@command(app, "retry", takes=CHANGE)
def retry(session: Session, model_id: ModelId) -> None:
    """Try a failed model's last operation again."""
    session.change("POST", place("models", model_id, "retry"))


@command(app, "delete", takes=[*CHANGE, "yes"])
def delete(session: Session, model_id: ModelId) -> None:
    """Ask for a model and everything that it occupies to be gone. Its timeline stays."""
    session.agree(f"Delete {model_id} and everything that it occupies?")
    session.change("DELETE", place("models", model_id))


@command(app, "events", takes=["page"])
def events(
    session: Session,
    model_id: ModelId,
    order: Annotated[ListModelEventsOrder | None, typer.Option("--order", help="Oldest or newest first.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what happens from now on, until interrupted.")] = False,
) -> None:
    """Show a model's timeline: who did what, and what it changed."""
    path = place("models", model_id, "events")
    if not follow:
        session.rows(path, records.EVENTS, "Nothing has happened yet.", {"order": order})
        return
    if order == "desc" or session.output.format is Format.YAML:
        raise UsageError("--follow shows the newest last, a line at a time: no --order desc, no --output yaml")
    _follow(session, path)


def _follow(session: Session, path: str) -> None:
    for entry in timeline(session.api, path, 0, session.tools.sleep):
        if session.output.for_people:
            session.output.line(records.event_line(entry))
        else:
            session.output.entry(entry)
