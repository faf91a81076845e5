"""How a command is made: its own parameters, the shared ones that it takes, a session, and one way to end badly."""

import inspect
from collections.abc import Callable, Collection
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from slipway_cli.errors import CliError, Exit, UsageError
from slipway_cli.output import Format
from slipway_cli.session import Options, Session, Tools
from slipway_cli.spec import SPEC, field_parameters

COMMON, LISTING, CHANGING = "Common options", "Paging", "How it is done"
_NAMES = frozenset(item.name for item in fields(Options))


def option(*words: str, text: str, panel: str, **more: Any) -> Any:
    """An option in a panel of the help."""
    settings: dict[str, Any] = {"metavar": "", "show_default": False} | more
    return typer.Option(*words, help=text, rich_help_panel=panel, **settings)


_PARAMETERS: dict[str, tuple[str, Any, Any]] = {
    "limit": (
        "page",
        Annotated[int | None, option("--limit", text="How many to a page.", panel=LISTING, metavar="N", min=1)],
        None,
    ),
    "next_token": (
        "page",
        Annotated[str | None, option("--next-token", text="Go on where the last page ended.", panel=LISTING, metavar="TOKEN")],
        None,
    ),
    "all": ("page", Annotated[bool, option("--all", "-a", text="Every page.", panel=LISTING)], False),
    "wait": ("wait", Annotated[bool, option("--wait", "-w", text="Follow the operation to its end.", panel=CHANGING)], False),
    "timeout": (
        "wait",
        Annotated[
            float | None,
            option("--timeout", text="How long to wait at most; the operation goes on.", panel=CHANGING, metavar="SECONDS", min=0),
        ],
        None,
    ),
    "if_match": (
        "if_match",
        Annotated[
            str | None,
            option(
                "--if-match",
                text="Only if the model is still of this generation; 'current' is the one it has now.",
                panel=CHANGING,
                metavar="GENERATION",
            ),
        ],
        None,
    ),
    "dry_run": ("dry_run", Annotated[bool, option("--dry-run", text="Say what would be done, and do nothing.", panel=CHANGING)], False),
    "acknowledge": (
        "acknowledge",
        Annotated[str | None, option("--acknowledge", text="The acknowledgement that the refusal named.", panel=CHANGING, metavar="ACK")],
        None,
    ),
    "yes": ("yes", Annotated[bool, option("--yes", "-y", text="Agree beforehand to what would be asked.", panel=CHANGING)], False),
    "idempotency_key": (
        "key",
        Annotated[
            str | None,
            option(
                "--idempotency-key",
                text="Sent again with the same key, it happens once. A new one each time unless given.",
                panel=CHANGING,
                metavar="KEY",
            ),
        ],
        None,
    ),
    "output": (
        "common",
        Annotated[
            Format,
            option(
                "--output",
                "-o",
                text="How results are written: table (unless given), json, yaml or ndjson.",
                panel=COMMON,
                metavar="FORMAT",
                envvar="SLIPWAY_OUTPUT",
            ),
        ],
        Format.TABLE,
    ),
    "json": ("common", Annotated[bool, option("--json", text="The same as --output json.", panel=COMMON)], False),
    "profile": (
        "common",
        Annotated[str | None, option("--profile", "-p", text="A platform of the configuration file.", panel=COMMON, metavar="NAME")],
        None,
    ),
    "env_file": (
        "common",
        Annotated[
            Path | None,
            option("--env-file", text="A file with MANAGEMENT_URL=… and ADMIN_TOKEN=…, such as .local/env.", panel=COMMON, metavar="FILE"),
        ],
        None,
    ),
    "quiet": ("common", Annotated[bool, option("--quiet", "-q", text="Results and errors only.", panel=COMMON)], False),
    "verbose": ("common", Annotated[bool, option("--verbose", "-v", text="Each request too.", panel=COMMON)], False),
}
CHANGE = ("wait", "dry_run", "key", "if_match")
"""What a change of a model takes."""


def command(
    app: typer.Typer, name: str, *, takes: Collection[str] = (), **more: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make the function a command of `app`. It gets a Session and its own parameters.

    `takes` names the shared groups beside the common one: page, wait, if_match, dry_run, acknowledge, yes, key, and `spec`: the flags of a
    model's fields, whose values it gets as `fields`.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        shared = [
            inspect.Parameter(word, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for word, (group, annotation, default) in _PARAMETERS.items()
            if group == "common" or group in takes
        ]
        if "spec" in takes:
            own = [parameter for parameter in own if parameter.name != "fields"]
            shared = [*field_parameters(), *shared]

        def run(ctx: typer.Context, **values: Any) -> None:
            if "spec" in takes:
                values["fields"] = {item.name: values.pop(item.name) for item in SPEC}
            options = Options(**{word: values.pop(word) for word in _NAMES & {parameter.name for parameter in shared}})
            session = Session(options, ctx.obj if isinstance(ctx.obj, Tools) else Tools())
            _run(session, lambda: function(session, **values))

        context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        keyword = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        parameters = [context, *keyword, *shared]
        vars(run)["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        run.__name__, run.__doc__ = function.__name__, function.__doc__
        app.command(name, **more)(run)
        return function

    return decorate


def _run(session: Session, work: Callable[[], None]) -> None:
    """Do the work; every way to end badly is printed once and has its exit code."""
    try:
        _check(session.options)
        try:
            work()
        except httpx.InvalidURL as error:
            raise UsageError(f"that makes no address: {error}") from error
    except CliError as error:
        session.output.error(error)
        raise typer.Exit(int(error.exit_code)) from None
    except KeyboardInterrupt:
        session.output.note("interrupted; what has been accepted goes on by itself")
        raise typer.Exit(int(Exit.INTERRUPTED)) from None


def _check(options: Options) -> None:
    if options.json and options.output not in {Format.TABLE, Format.JSON}:
        raise UsageError(f"--json and --output {options.output.value} contradict each other")
    if options.timeout is not None and not options.wait:
        raise UsageError("--timeout says how long to --wait")
    if options.dry_run and options.wait:
        raise UsageError("a dry run has nothing to wait for")
    if options.all and options.next_token:
        raise UsageError("--all begins at the beginning, --next-token elsewhere")
