"""`slipway usage`: what was used, by whom, and what it cost."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from slipway_cli.errors import UsageError
from slipway_cli.output import Column, Row, clean, table
from slipway_cli.session import Session

DIMENSIONS = ("day", "model", "version", "token", "group")
_MICRO = 1_000_000
_FORMULA = frozenset("=+-@\t\r")
_SUMS = (
    Column("REQUESTS", lambda row: _number(row.get("requests")), right=True),
    Column("FAILED", lambda row: _number(row.get("failed")), right=True),
    Column("TOKENS IN", lambda row: _number(row.get("input_tokens")), right=True),
    Column("CACHED", lambda row: _number(row.get("cached_tokens")), right=True),
    Column("TOKENS OUT", lambda row: _number(row.get("output_tokens")), right=True),
    Column("FIRST TOKEN", lambda row: _milliseconds(row.get("mean_first_token_ms")), right=True),
    Column("COST", lambda row: _money(row.get("cost_micro_usd")), right=True),
)


def usage(
    session: Session,
    first: Annotated[str | None, typer.Option("--from", help="The first day (UTC), such as 2026-11-01; 30 days back unless given.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day; today unless given.")] = None,
    by: Annotated[str | None, typer.Option("--by", help=f"In groups by these, with commas between: {', '.join(DIMENSIONS)}.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Only of this model.")] = None,
    version: Annotated[str | None, typer.Option("--version", help="Only of this version.")] = None,
    token: Annotated[str | None, typer.Option("--token", help="Only of this caller: a token's id, token:… or oidc:….")] = None,
    group: Annotated[str | None, typer.Option("--group", "-g", help="Only through this group.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Every page as comma separated values.")] = False,
) -> None:
    """Show what was used and what it cost, by day and model unless asked otherwise. Administrators see everything, others theirs."""
    query = {"from": first, "to": last, "group_by": by, "model": model, "version": version, "token": token, "group": group}
    pages = session.pages("/usage", query)
    if as_csv:
        _as_csv(session, query)
    elif session.output.for_people:
        _as_table(session, list(pages))
    else:
        session.output.rows(pages, (), "")


def _as_table(session: Session, pages: Sequence[Mapping[str, Any]]) -> None:
    items = [item for page in pages for item in page["items"]]
    if not items:
        session.output.note("Nothing was used.")
        return
    shown = [name for name in DIMENSIONS if any(item.get(name) is not None for item in items)]
    columns = [_named(name, first=place == 0) for place, name in enumerate(shown)]
    total = {**(pages[-1].get("totals") or {}), "_total": True}
    session.output.document(items, lambda _: table([*items, total], [*columns, *_SUMS]))
    if total.get("unpriced_requests"):
        session.output.note(f"No price is known for {_number(total['unpriced_requests'])} of the requests; the cost is of the others.")
    if pages[-1].get("next_token"):
        session.output.note(f"There is more, and it is in the total: --all, or --next-token {pages[-1]['next_token']}")


def _as_csv(session: Session, query: Mapping[str, object | None]) -> None:
    """One head, every page. What a spreadsheet would take for a formula begins with an apostrophe."""
    if not session.output.for_people:
        raise UsageError("--csv and another --output contradict each other")
    asked = {"limit": session.options.limit or 1000, "next_token": session.options.next_token, **query}
    head: list[str] = []
    for page in session.api.pages("/usage", {name: str(value) for name, value in asked.items() if value is not None}):
        out = io.StringIO()
        lines = csv.writer(out, lineterminator="\n")
        for item in page["items"]:
            if not head:
                head = list(item)
                lines.writerow(head)
            lines.writerow([_harmless(item.get(name)) for name in head])
        session.output.raw(out.getvalue())


def _named(name: str, *, first: bool) -> Column:
    def cell(row: Row) -> str | Text:
        if row.get("_total"):
            return Text("total", style="bold") if first else ""
        return clean(row.get(name) or ("(nobody)" if name == "token" else "-"))

    return Column(name.upper(), cell)


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in _FORMULA else value


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else ""


def _milliseconds(value: object) -> str:
    return f"{value:,} ms" if isinstance(value, int) else ""


def _money(micro_usd: object) -> str | Text:
    if not isinstance(micro_usd, int):
        return Text("not known", style="dim")
    return f"${micro_usd / _MICRO:,.2f}" if micro_usd >= _MICRO or not micro_usd else f"${micro_usd / _MICRO:.6f}"
