"""How what is written down looks to a person: timelines, the audit, versions, tokens."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from slipway_cli.formats import ago, clock, duration, failure_text, size, state
from slipway_cli.output import Column, Row, clean, facts, leaves, plain, table

_TOLD = ("status", "version", "generation")


def version(document: Row) -> RenderableType:
    """A version and its files."""
    rest = {name: value for name, value in document.items() if name not in {"files", "failure", "status"}}
    failure = document.get("failure")
    head = facts(
        [
            ("status", state(document.get("status"))),
            ("failure", failure_text(failure) if failure else None),
            *((path, plain(value)) for path, value in leaves(rest)),
        ]
    )
    files = table(
        document.get("files") or [],
        (
            Column("FILE", lambda row: row.get("path", "")),
            Column("SIZE", lambda row: size(row.get("size_bytes")), right=True),
            Column("SHA-256", lambda row: row.get("sha256", "")),
        ),
    )
    return Group(head, "", files) if document.get("files") else head


def what(entry: Row) -> str:
    """What a ledger entry says happened, in a few words."""
    data = entry.get("data") or {}
    failure = data.get("failure")
    if isinstance(failure, Mapping):
        return f"{failure.get('code')}: {failure.get('message')}"
    if isinstance(data.get("changes"), Mapping):
        return ", ".join(f"{path}={plain(value)}" for path, value in leaves(data["changes"]))
    decision = data.get("decision")
    if isinstance(decision, Mapping) and decision.get("reason"):
        return f"{decision.get('before')} → {decision.get('after')}: {decision['reason']}"
    return str(data.get("reason") or _difference(entry.get("before"), entry.get("after")))


def _difference(before: Any, after: Any) -> str:
    old, new = before or {}, after or {}
    changed = [name for name in _TOLD if name in new and new[name] != old.get(name)]
    return ", ".join(f"{name} {plain(old.get(name))} → {plain(new[name])}" for name in changed)


def _event_style(name: str) -> str:
    return "red" if name.endswith(("Failed", "Rejected")) else "green" if name.endswith("InService") else "default"


def _token_state(token: Row) -> Text:
    if token.get("revoked_at"):
        return Text("revoked", style="red")
    expires = token.get("expires_at")
    expired = bool(expires) and datetime.fromisoformat(str(expires)) < datetime.now(UTC)
    return Text("expired", style="red") if expired else Text("valid", style="green")


def event_line(entry: Row) -> Text:
    """A timeline's entry on one line, of a timeline that goes on."""
    text = Text(f"{entry.get('revision', ''):>4}  {clock(entry.get('occurred_at'))}  ", style="dim")
    name = str(entry.get("event_type"))
    text.append(f"{clean(name):24}", style=_event_style(name)).append(f"  {clean(plain(entry.get('actor')))}  ", style="dim")
    return text.append(clean(what(entry)), style="default")


EVENTS: Sequence[Column] = (
    Column("REV", lambda row: str(row.get("revision", "")), right=True),
    Column("WHEN", lambda row: clock(row.get("occurred_at"))),
    Column("EVENT", lambda row: Text(clean(row.get("event_type")), style=_event_style(str(row.get("event_type"))))),
    Column("BY", lambda row: plain(row.get("actor"))),
    Column("CAUSE", lambda row: plain((row.get("cause") or {}).get("type"))),
    Column("AFTER", lambda row: "" if row.get("duration_seconds") is None else duration(row["duration_seconds"]), right=True),
    Column("WHAT", what),
)
AUDIT: Sequence[Column] = (
    Column("WHEN", lambda row: clock(row.get("occurred_at"))),
    Column("ABOUT", lambda row: Text(clean(plain(row.get("about"))), style="bold")),
    *EVENTS[2:5],
    EVENTS[-1],
)
VERSIONS: Sequence[Column] = (
    Column("VERSION", lambda row: Text(clean(row["version"]), style="bold")),
    Column("STATUS", lambda row: state(row.get("status"))),
    Column("FORMAT", lambda row: plain(row.get("format") or None)),
    Column("SIZE", lambda row: size(row.get("size_bytes")), right=True),
    Column("LICENSE", lambda row: plain(row.get("license") or None)),
    Column("CREATED", lambda row: ago(row.get("created_at"))),
    Column("MANIFEST", lambda row: str(row.get("manifest_sha256", ""))[:12]),
)
TOKENS: Sequence[Column] = (
    Column("TOKEN ID", lambda row: Text(clean(row["token_id"]), style="bold")),
    Column("NAME", lambda row: row.get("name", "")),
    Column("STATUS", _token_state),
    Column("SCOPES", lambda row: plain(row.get("scopes"))),
    Column("GROUPS", lambda row: plain(row.get("groups"))),
    Column("EXPIRES", lambda row: ago(row["expires_at"]) if row.get("expires_at") else "never"),
    Column("CREATED", lambda row: f"{ago(row.get('created_at'))} by {row.get('created_by')}"),
)
