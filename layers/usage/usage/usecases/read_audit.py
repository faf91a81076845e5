"""Who did what, across all models, tokens and versions."""

import json
from dataclasses import asdict
from typing import Any

from kit.caller import Caller
from kit.clock import Clock, iso
from kit.paging import seal, unseal
from usage.domain.audit import Entry, Wanted, about_model
from usage.ports import Audit

READ_LIMIT = 2_000
"""Entries that one request looks at: a filter that few pass gets short pages, and a token to go on with, rather than a time-out."""

_EVENT_ID = r"0[0-9A-HJKMNP-TV-Z]{25}"  # a ULID until the year 3084

PAGE_BYTES = 4_000_000
"""Lambda answers with 6 MB at most."""


class ReadAudit:
    """Pages in the order of time. A page may be short, even empty, before the end: only `next_token` = null is the end."""

    def __init__(self, audit: Audit, clock: Clock) -> None:
        self._audit, self._clock = audit, clock

    def __call__(self, caller: Caller, wanted: Wanted, limit: int, next_token: str | None) -> dict[str, Any]:
        """`{"items", "next_token"}`; Forbidden for all but administrators, InvalidRequest for a token of another question."""
        caller.require("admin")
        question = _question(wanted)
        after = unseal(next_token, question, _EVENT_ID)
        items: list[dict[str, Any]] = []
        size = 0
        for read, entry in enumerate(self._audit.entries(wanted, self._clock.now(), after), start=1):
            after = entry.event_id
            if wanted.admits(entry) and _may_see(caller, entry):
                shown = _shown(entry)
                items.append(shown)
                size += len(json.dumps(shown))
            if len(items) == limit or read == READ_LIMIT or size >= PAGE_BYTES:
                return {"items": items, "next_token": seal(after, question)}
        return {"items": items, "next_token": None}


def _may_see(caller: Caller, entry: Entry) -> bool:
    """An administrator's token that is for some models only shows what is about these."""
    return caller.only is None or entry.about in {about_model(model_id) for model_id in caller.only}


def _question(wanted: Wanted) -> dict[str, Any]:
    times = {"since": iso(wanted.begins), "until": iso(wanted.until) if wanted.until else None}
    return {"list": "audit", **asdict(wanted), **times}


def _shown(entry: Entry) -> dict[str, Any]:
    document = asdict(entry)
    causation_id, causation_type = document.pop("causation_id"), document.pop("causation_type")
    return document | {"cause": {"id": causation_id, "type": causation_type} if causation_id else None}
