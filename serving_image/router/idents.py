"""Identifiers and moments in the form that every event of ours has."""

import os
import time
from datetime import UTC, datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_SHIFTS = range(120, -10, -10)


def ulid(now: datetime | None = None) -> str:
    """A fresh ULID, 26 characters that sort by time."""
    milliseconds = time.time_ns() // 1_000_000 if now is None else int(now.timestamp() * 1000)
    number = (milliseconds << 80) | int.from_bytes(os.urandom(10))
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in _SHIFTS])


def iso(moment: datetime | None = None) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return (moment or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
