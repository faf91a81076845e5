"""How models and operations look to a person, and any document that has no look of its own."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from slipway_cli.formats import ago, duration, failure_text, state
from slipway_cli.output import Column, Row, clean, facts, leaves, plain, table

_STATE = (
    "status", "conditions", "generation", "observed_generation", "failure", "operation", "next_action", "links",
    "created_by", "created_at", "updated_by", "updated_at",
)  # fmt: skip
_UNSET: tuple[object, ...] = (None, "", [], {})
_STRATEGIES = {
    "surge": "new copies first, then the old ones go: nobody is interrupted",
    "in-place": "the old copies go, then new ones come",
    "in_place": "the old copies go, then new ones come",
}


def copies(model: Row) -> str:
    """Running of desired copies; a third party's model has none."""
    capacity = model.get("capacity")
    return f"{capacity.get('running', 0)}/{capacity.get('desired', 0)}" if isinstance(capacity, Mapping) else "-"


def engine(model: Row) -> str:
    """What answers: an engine of ours or a third party."""
    inner = model.get("engine") or model.get("provider") or {}
    return str(inner.get("kind") or inner.get("name") or "-")


MODELS: Sequence[Column] = (
    Column("MODEL", lambda row: Text(clean(row["model_id"]), style="bold")),
    Column("STATUS", lambda row: state(row.get("status"))),
    Column("VERSION", lambda row: row.get("version", "")),
    Column("ANSWERED BY", engine),
    Column("COPIES", copies, right=True),
    Column("GEN", lambda row: str(row.get("generation", "")), right=True),
    Column("GROUPS", lambda row: plain(row.get("allowed_groups"))),
    Column("UPDATED", lambda row: ago(row.get("updated_at"))),
)


def model(document: Row) -> RenderableType:
    """A model: what became of the wish, then the wish itself, as far as something is set."""
    failure, operation, upcoming = document.get("failure"), document.get("operation"), document.get("next_action")
    generation, observed = document.get("generation"), document.get("observed_generation")
    head = facts(
        [
            ("model", Text(clean(document["model_id"]), style="bold")),
            ("status", state(document.get("status"))),
            ("failure", failure_text(failure) if failure else None),
            ("operation", str(operation) if operation else None),
            ("copies", copies(document) if "capacity" in document else None),
            ("generation", f"{generation}" + (f", in effect is {observed}" if observed != generation else ", in effect")),
            ("next", f"{upcoming.get('action')} {ago(upcoming.get('at'))}, at {upcoming.get('local')}" if upcoming else None),
            ("created", f"{ago(document.get('created_at'))} by {document.get('created_by')}"),
            ("updated", f"{ago(document.get('updated_at'))} by {document.get('updated_by')}"),
        ]
    )
    wish = leaves({name: value for name, value in document.items() if name not in (*_STATE, "model_id")})
    parts: list[RenderableType] = [head]
    if document.get("conditions"):
        parts += ["", table(document["conditions"], CONDITIONS)]
    return Group(*parts, "", facts((path, plain(value)) for path, value in wish if value not in _UNSET))


CONDITIONS: Sequence[Column] = (
    Column("CONDITION", lambda row: row.get("type", "")),
    Column("HOLDS", lambda row: state(row.get("status"))),
    Column("REASON", lambda row: plain(row.get("reason"))),
    Column("SINCE", lambda row: ago(row.get("since"))),
    Column("MESSAGE", lambda row: row.get("message", "")),
)


def operation(document: Row) -> RenderableType:
    """An operation, from its beginning to where it is."""
    progress, reason = document.get("progress"), document.get("reason")
    return facts(
        [
            ("operation", str(document.get("operation_id"))),
            ("model", Text(clean(document.get("model_id")), style="bold")),
            ("kind", document.get("kind")),
            ("status", state(document.get("status"))),
            ("reason", failure_text(reason) if reason else None),
            (
                "phase",
                (document.get("phase") or None)
                and f"{document['phase']}" + (f" {progress:.0%}" if isinstance(progress, float | int) else ""),
            ),
            ("asked", f"{ago(document['created_at'])} by {document.get('created_by')}" if document.get("created_at") else None),
            ("took", _took(document)),
        ]
    )


def _took(document: Row) -> str | None:
    if not document.get("ended_at"):
        return None
    try:
        return duration((datetime.fromisoformat(document["ended_at"]) - datetime.fromisoformat(document["created_at"])).total_seconds())
    except (ValueError, KeyError):
        return None


def blast_radius(problem: Row) -> RenderableType:
    """What an update that restarts containers means for those who use the model now."""
    radius = problem.get("blast_radius") or {}
    downtime, flying = radius.get("expected_downtime_seconds"), radius.get("requests_in_flight")
    gpus = f"{radius.get('gpus_now', 0)} now, {radius.get('gpus_meanwhile', 0)} meanwhile" if radius.get("gpus_meanwhile") else None
    told = facts(
        [
            ("fields", plain(radius.get("fields"))),
            ("how", _STRATEGIES.get(str(radius.get("strategy")), plain(radius.get("strategy")))),
            ("second copy", plain(radius.get("surge"))),
            ("requests now", "not known" if flying is None else str(flying)),
            ("downtime", "not known" if downtime is None else "none" if not downtime else f"about {duration(float(downtime))}"),
            ("copies", plain(radius.get("copies"))),
            ("GPUs", gpus),
            ("USD an hour", _hourly(radius)),
        ]
    )
    return Group(Text("This change replaces the containers that run.", style="bold yellow"), told)


def _hourly(radius: Row) -> str | None:
    """What the copies cost now, meanwhile and after; None where the platform knows no prices."""
    now, meanwhile, after = (radius.get(f"usd_per_hour_{moment}") for moment in ("now", "meanwhile", "after"))
    if now is None or meanwhile is None or after is None:
        return None
    return f"{now:.2f} now, {meanwhile:.2f} meanwhile, {after:.2f} after"


def generic(document: Any) -> RenderableType:
    """Any document: every value with its path."""
    return facts((path, plain(value)) for path, value in leaves(document))
