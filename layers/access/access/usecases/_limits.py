"""Whose limits: what a path names, and who may say so."""

import re

from contracts.limits import SUBJECT_PATTERNS, SubjectLimits
from kit.caller import Caller
from kit.errors import NotFound, StaleGeneration

SCOPE = "limits:write"
_FORMS = {kind: re.compile(form, re.ASCII) for kind, form in SUBJECT_PATTERNS.items()}


def key_of(caller: Caller, kind: str, subject_id: str) -> str:
    """The row's key; `Forbidden` without the scope, `NotFound("limits-not-found")` for what cannot have limits."""
    caller.require(SCOPE)
    form = _FORMS.get(kind)
    if form is None or not form.fullmatch(subject_id):
        raise not_found()
    return f"{kind}#{subject_id}"


def not_found() -> NotFound:
    """There are no limits."""
    return NotFound("limits-not-found", "there are no such limits", "List limits with GET /limits; kinds are token, group and model.")


def expect(limits: SubjectLimits | None, generation: int | None) -> None:
    """`StaleGeneration` unless the limits are as the caller read them; None: whatever they are."""
    current = limits.generation if limits else 0
    if generation is not None and generation != current:
        raise StaleGeneration("generation-stale", f"the limits are at generation {current}", "Read them again, and decide anew.")
