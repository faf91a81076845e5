"""Single values as people say them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from slipway_cli.api_types.common import Failure
from slipway_cli.output import clean, plain

_STYLES = {
    "InService": "green", "Succeeded": "green", "True": "green", "validated": "green", "hot": "green",
    "Failed": "red", "False": "red", "rejected": "red", "restart": "red",
    "Stopped": "dim", "Cancelled": "dim", "Superseded": "dim", "Unknown": "dim",
}  # fmt: skip
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
_KIBI = 1024
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_WHOLE_MINUTES_FROM, _DAYS_FROM = 10 * _MINUTE, 2 * _DAY


def state(value: object) -> Text:
    """A status in its colour; what is under way is yellow."""
    return Text(clean(value), style=_STYLES.get(str(value), "yellow"))


def ago(moment: object, now: datetime | None = None) -> str:
    """How long ago an RFC 3339 time was, or how far ahead it is."""
    try:
        then = datetime.fromisoformat(str(moment))
    except ValueError:
        return plain(moment)
    seconds = ((now or datetime.now(UTC)) - (then if then.tzinfo else then.replace(tzinfo=UTC))).total_seconds()
    words = duration(abs(seconds))
    return f"{words} ago" if seconds >= 0 else f"in {words}"


def duration(seconds: float) -> str:
    """A length of time in its largest two units: `42 s`, `3 min 20 s`, `2 h 5 min`, `3 d`."""
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        rest = whole % _MINUTE if whole < _WHOLE_MINUTES_FROM else 0
        return f"{whole // _MINUTE} min {rest} s" if rest else f"{whole // _MINUTE} min"
    if whole < _DAYS_FROM:
        rest = whole % _HOUR // _MINUTE
        return f"{whole // _HOUR} h {rest} min" if rest else f"{whole // _HOUR} h"
    return f"{whole // _DAY} d"


def size(amount: object) -> str:
    """Bytes as people say them."""
    value = float(amount) if isinstance(amount, int | float) else 0.0
    for unit in _SIZES:
        if value < _KIBI or unit == _SIZES[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= _KIBI
    raise AssertionError("the last unit returns")


def failure_text(failure: Failure | Mapping[str, Any]) -> Text:
    """Code, sentence, hint."""
    text = (
        Text(clean(failure.get("code", "")), style="red")
        .append(": ", style="default")
        .append(clean(failure.get("message", "")), style="default")
    )
    if failure.get("hint"):
        text.append("\nhint: ", style="cyan").append(clean(failure.get("hint", "")), style="default")
    return text


def clock(moment: object) -> str:
    """A time on the person's own clock, to the millisecond."""
    try:
        return datetime.fromisoformat(str(moment)).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    except ValueError:
        return plain(moment)
