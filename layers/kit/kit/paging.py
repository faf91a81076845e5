"""Opaque continuation of lists: where the last page ended, bound to the question that it answered."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from kit.errors import InvalidRequest, Violation


def seal(after: str, question: Mapping[str, Any]) -> str:
    """A token that leads on behind `after`."""
    return base64.urlsafe_b64encode(json.dumps([after, _digest(question)]).encode()).decode().rstrip("=")


def unseal(token: str | None, question: Mapping[str, Any], form: str) -> str | None:
    """Where the page before ended; InvalidRequest for a token that was not given for this question.

    A token is no secret and bears no signature: what it says is a position, which has `form` (a regular expression) or is refused.
    """
    if token is None:
        return None
    try:
        after, digest = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if isinstance(after, str) and digest == _digest(question) and re.fullmatch(form, after, re.ASCII):
            return after
    except (binascii.Error, ValueError, TypeError, RecursionError):
        pass  # refused below, like any other text that is no token of ours
    raise InvalidRequest(
        "validation-failed",
        "1 field(s) are not acceptable",
        violations=[Violation("next_token", "next-token-invalid", "takes what the page before answered, with the same filter and order")],
    )


def _digest(question: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:16]
