"""The few lines by which engine programs of our own tell the supervisor how they are doing."""

import re
from typing import Final

from contracts.engine import Phase
from engine.adapters.base import NOTHING, OWN_PROGRAM, Reading

_LINE: Final = re.compile(rf"^{OWN_PROGRAM} (loading|listening|version|failure) ?(.*)$")
_ADDRESS: Final = re.compile(r"http://[\d.]+:\d{1,5}")


def read_program_line(line: str) -> Reading:
    """Read `slipway-engine: loading 0.4`, `… listening http://127.0.0.1:1234`, `… version 1.2`; anything else means nothing."""
    match = _LINE.match(line)
    if match is None:
        return NOTHING
    word, rest = match[1], match[2]
    if word == "loading":
        return Reading(phase=Phase.LOADING, progress=float(rest) if rest else None)
    if word == "listening" and _ADDRESS.fullmatch(rest):
        return Reading(phase=Phase.WARMING, address=rest)
    if word == "version":
        return Reading(version=rest)
    return NOTHING


def read_failure_code(lines: tuple[str, ...]) -> str | None:
    """Find the code of a `slipway-engine: failure <code>` line."""
    for line in reversed(lines):
        if (match := _LINE.match(line)) and match[1] == "failure":
            return match[2]
    return None
