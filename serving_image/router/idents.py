"""Identifiers and moments in the form that every event of ours has."""

import secrets
from datetime import UTC, datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(now: datetime | None = None) -> str:
    """A fresh ULID, 26 characters that sort by time."""
    moment = now or datetime.now(UTC)
    number = (int(moment.timestamp() * 1000) << 80) | secrets.randbits(80)
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -5, -5))


def iso(moment: datetime | None = None) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return (moment or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
