"""How what is asked before doing looks to a person: plans, instance types, schedules."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from slipway_cli.formats import ago, state
from slipway_cli.output import Column, Row, clean, facts, plain, table

_VERDICTS = {"fits": "green", "tight": "yellow", "no": "red", "unknown": "dim"}


def _verdict(row: Row) -> Text:
    word = str(row.get("verdict") or "-")
    return Text("does not fit" if word == "no" else clean(word), style=_VERDICTS.get(word, "default"))


_CHANGES: Sequence[Column] = (
    Column("FIELD", lambda row: Text(clean(row.get("path")), style="bold")),
    Column("NOW", lambda row: plain(row.get("before"))),
    Column("THEN", lambda row: plain(row.get("after"))),
    Column("CLASS", lambda row: state(row.get("change_class"))),
)
_LINES: Sequence[Column] = (
    Column("MEMORY", lambda row: str(row.get("what", ""))),
    Column("GIB", lambda row: "" if row.get("gib") is None else f"{row['gib']:.2f}", right=True),
    Column("HOW", lambda row: Text(clean(row.get("formula", "")), style="dim")),
)
_HOLDING: Sequence[Column] = (
    Column("WOULD HOLD IT", lambda row: Text(clean(row.get("instance_type")), style="bold")),
    Column("VERDICT", _verdict),
    Column("LONGEST CONTEXT", lambda row: plain(row.get("max_context_length")), right=True),
    Column("AT A TIME", lambda row: _number(row.get("max_concurrency")), right=True),
    Column("ELIGIBLE", lambda row: plain(row.get("eligible"))),
)
INSTANCES: Sequence[Column] = (
    Column("TYPE", lambda row: Text(clean(row.get("instance_type")), style="bold")),
    Column("GPUS", lambda row: f"{row.get('accelerators')} x {row.get('accelerator')}"),
    Column("GIB EACH", lambda row: _number(row.get("accelerator_memory_gib")), right=True),
    Column("VCPU", lambda row: plain(row.get("vcpus")), right=True),
    Column("RAM GIB", lambda row: _number(row.get("memory_gib")), right=True),
    Column("USD/H", lambda row: _usd(row.get("usd_per_hour")), right=True),
    Column("OFFERED", lambda row: "not known" if row.get("offered") is None else plain(row["offered"])),
    Column("BOUGHT HERE", lambda row: plain(row.get("bought_here"))),
    Column("QUOTA LEFT", lambda row: plain(row.get("quota_left")), right=True),
    Column("FIT", lambda row: _verdict(row.get("fit") or {})),
)


def plan(document: Row) -> RenderableType:
    """What a command would do: changes, consequences, whether it fits and how that is known, what it costs."""
    parts: list[RenderableType] = [facts(_consequences(document))]
    if document.get("changes"):
        parts += ["", table(document["changes"], _CHANGES)]
    fit = document.get("fit")
    if isinstance(fit, Mapping):
        parts += ["", *_fit(fit)]
    if document.get("cost"):
        parts += ["", _cost(document["cost"])]
    return Group(*parts, *_warnings(document))


def _consequences(document: Row) -> Iterator[tuple[str, str | Text | None]]:
    surge, copies, gpus = document.get("surge"), document.get("copies") or {}, document.get("gpus") or {}
    yield "would", Text(clean(f"{document.get('command')} {document.get('model_id')}"), style="bold")
    yield "class", state(document["change_class"]) if document.get("change_class") else None
    yield "restarts", Text("yes: the containers that run are replaced", style="red") if document.get("restarts") else "no"
    yield "second copy", f"{'fits' if surge.get('fits') else 'does not fit'}: {surge.get('reason')}" if surge else None
    yield "copies", _now_and_then(copies)
    yield "GPUs", _now_and_then(gpus) if any(gpus.values()) else None
    yield "acknowledge", str(document["acknowledge"]) if document.get("acknowledge") else None


def _fit(fit: Row) -> Iterator[RenderableType]:
    heading = _verdict(fit).append(clean(f" on {fit['on']}" if fit.get("on") else ""), style="default")
    yield heading.append(clean(f": {fit.get('reason')}"), style="default")
    if fit.get("lines"):
        yield table(fit["lines"], _LINES)
    if fit.get("max_context_length") is not None:
        concurrency = _number(fit.get("max_concurrency"))
        yield Text(
            f"Longest context {fit['max_context_length']} tokens; {concurrency} requests at a time of the length asked for.", style="dim"
        )
    if fit.get("instance_types"):
        yield ""
        yield table(fit["instance_types"], _HOLDING)


def _cost(cost: Row) -> RenderableType:
    rows = [{"when": name, **cost[word]} for name, word in (("now", "before"), ("then", "after")) if cost.get(word)]
    columns = (
        Column(str(cost.get("currency", "USD")), lambda row: str(row["when"])),
        Column("AN HOUR", lambda row: _usd((row.get("usd_per_hour") or {}).get("desired")), right=True),
        Column("A MONTH", lambda row: _usd((row.get("usd_per_month") or {}).get("desired")), right=True),
        Column("MONTH AT LEAST", lambda row: _usd((row.get("usd_per_month") or {}).get("min")), right=True),
        Column("MONTH AT MOST", lambda row: _usd((row.get("usd_per_month") or {}).get("max")), right=True),
        Column("OF WHAT", lambda row: Text(clean(row.get("basis", "")), style="dim")),
    )
    source = Text(clean(f"Prices of {cost.get('price_region')} on {cost.get('priced_on')} ({cost.get('source')})."), style="dim")
    return Group(table(rows, columns), source)


def _warnings(document: Row) -> Iterator[RenderableType]:
    for refused in document.get("refused") or []:
        text = Text("\n✗ would be refused: ", style="red").append(clean(refused.get("path")), style="bold red")
        yield text.append(clean(f"  {refused.get('message')}"), style="default").append(clean(f"  {refused.get('code')}"), style="dim")
    if document.get("hint"):
        yield Text("  hint: ", style="cyan").append(clean(document["hint"]), style="default")
    for place, warning in enumerate(document.get("warnings") or []):
        yield Text("! " if place else "\n! ", style="yellow").append(clean(warning), style="default")


def schedule(document: Row) -> RenderableType:
    """A schedule, whether a window is open, and what happens next."""
    wish, upcoming = document.get("schedule") or {}, document.get("next_action")
    windows = [f"{_days(window.get('days') or [])} {window.get('opens')}-{window.get('closes')}" for window in wish.get("windows") or []]
    held = document.get("overridden_until")
    return facts(
        [
            ("model", Text(clean(document.get("model_id")), style="bold")),
            ("time zone", plain(wish.get("time_zone"))),
            ("windows", "\n".join(windows) or "-"),
            ("lead", f"{wish.get('lead_minutes', 0)} min"),
            ("counts", plain(wish.get("enabled", True))),
            ("window open now", plain(document.get("in_window"))),
            ("next", f"{upcoming.get('action')} {ago(upcoming.get('at'))}, at {upcoming.get('local')}" if upcoming else "nothing"),
            ("overridden", f"until {held}, by a start or stop of somebody's own" if held else "no"),
        ]
    )


_FEWEST_OF_A_RANGE = 3  # two days are a list


def _days(days: list[str]) -> str:
    week = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    places = [week.index(day) for day in days if day in week]
    if len(places) == len(week):
        return "daily"
    if len(places) >= _FEWEST_OF_A_RANGE and places == list(range(places[0], places[-1] + 1)):
        return f"{days[0]}-{days[-1]}"
    return ",".join(days)


def _now_and_then(counted: Row) -> str:
    before, after = counted.get("before"), counted.get("after")
    return plain(after) if before == after else f"{before} → {after}"


def _usd(amount: Any) -> str:
    return "not known" if amount is None else f"{amount:,.2f}" if amount == 0 or amount >= 1 else f"{amount:.4f}"


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:g}"
