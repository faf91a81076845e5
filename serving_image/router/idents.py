"""Identifiers, moments and metadata in the form that every event of ours has. The first two are made for every request, so that little is
computed anew."""

import os
import time
from datetime import UTC, datetime
from typing import Any, Final

_ALPHABET: Final = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LETTERS: Final = _ALPHABET * 8
"""Of any byte a letter, each of them equally often."""
_RANDOM: Final = 16
_AT_ONCE: Final = 256
_drawn: list[str] = []
_stamp: tuple[int, str] = (-1, "")
_second: tuple[int, str] = (-1, "")


def ulid(now: datetime | None = None) -> str:
    """A fresh ULID, 26 characters that sort by time."""
    global _stamp  # noqa: PLW0603 - one tuple, replaced as a whole: threads see the old or the new
    milliseconds = time.time_ns() // 1_000_000 if now is None else int(now.timestamp() * 1000)
    at, text = _stamp
    if at != milliseconds:
        text = "".join([chr(_ALPHABET[(milliseconds >> shift) & 31]) for shift in range(45, -5, -5)])
        _stamp = (milliseconds, text)
    return text + _draw()


def _draw() -> str:
    """The random part, of the kernel's randomness, fetched for many at once."""
    try:
        return _drawn.pop()
    except IndexError:
        letters = os.urandom(_RANDOM * _AT_ONCE).translate(_LETTERS).decode()
        parts = [letters[start : start + _RANDOM] for start in range(0, len(letters), _RANDOM)]
        mine = parts.pop()
        _drawn.extend(parts)
        return mine


def iso(moment: datetime | None = None) -> str:
    """RFC 3339 in UTC with milliseconds."""
    global _second  # noqa: PLW0603 - as above
    if moment is not None:
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    second, milliseconds = divmod(time.time_ns() // 1_000_000, 1000)
    at, text = _second
    if at != second:
        text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        _second = (second, text)
    return f"{text}{milliseconds:03d}Z"


def metadata(version: str, *, producer: str, environment: str, correlation_id: str, router_id: str) -> dict[str, Any]:
    """The metadata of an event of this version that the router tells in the name of the context `producer`."""
    return {
        "id": ulid(),
        "version": version,
        "occurred_at": iso(),
        "producer": producer,
        "environment": environment,
        "correlation_id": correlation_id,
        "causation_id": None,
        "actor": f"router/{router_id}",
    }
